import { describe, expect, it } from 'vitest'

import { configSchema, describeProblems, tlsListenOf } from '#config'

const PAIR = { tlsCert: '/c', tlsKey: '/k' }
const SITE = { name: 'a', hosts: ['a.test'], origins: ['/srv'] }
const TLS = { cert: '/c', key: '/k' }

function problemsOf(input: object): readonly string[] {
  const { error } = configSchema.safeParse(input)
  return error === undefined ? [] : describeProblems(error, input)
}

describe('configSchema with certificates', () => {
  it.each([
    [PAIR],
    [{ ...PAIR, tlsOcsp: '/o', listen: 'off' }],
    [{ ...PAIR, tlsListen: '0.0.0.0:443' }],
    [{ sites: [{ ...SITE, tls: { ...TLS, ocsp: '/o' } }], listen: 'off' }],
    [{ ...PAIR, sites: [{ ...SITE, tls: TLS }] }],
  ])('takes %j', (input) => {
    expect(problemsOf(input)).toEqual([])
  })

  it.each([
    [{ tlsCert: '/c' }, 'Cannot use setting "tlsKey" = nothing', 'private key of tlsCert'],
    [{ tlsKey: '/k' }, 'Cannot use setting "tlsCert" = nothing', 'certificate of tlsKey'],
    [{ tlsCert: '', tlsKey: '/k' }, '"tlsCert" = ""', 'the path of a file'],
    [{ tlsOcsp: '/o' }, '"tlsOcsp" = "/o"', 'beside tlsCert'],
    [{ tlsListen: '127.0.0.1:1' }, '"tlsListen" = "127.0.0.1:1"', 'with a certificate'],
    [{ listen: 'off' }, '"listen" = "off"', 'off only with a certificate'],
    [{ sites: [{ ...SITE, hosts: [], tls: TLS }] }, '"sites.0.tls" = ', 'a site with hosts'],
    [
      { sites: [{ ...SITE, tls: { cert: '/c' } }] },
      '"sites.0.tls.key" = nothing',
      'the path of a file',
    ],
  ])('refuses %j, saying which setting and why', (input, setting, allowed) => {
    const problems = problemsOf(input)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(setting)
    expect(problems[0]).toContain(`Allowed: `)
    expect(problems[0]).toContain(allowed)
  })
})

describe('tlsListenOf', () => {
  it('is nowhere without a certificate, and 127.0.0.1:8443 with one', () => {
    expect(tlsListenOf(configSchema.parse({}))).toBeUndefined()
    expect(tlsListenOf(configSchema.parse(PAIR))).toEqual({ host: '127.0.0.1', port: 8443 })
  })

  it('is where a setting says', () => {
    const config = configSchema.parse({ ...PAIR, tlsListen: '[::]:443' })
    expect(tlsListenOf(config)).toEqual({ host: '::', port: 443 })
  })
})
