import { describe, expect, it } from 'vitest'

import { chooseByName } from '../../../../src/adapters/node/tls-names.ts'

const CHOICES = [
  { id: 'a', hosts: ['a.test', 'www.a.test'] },
  { id: 'wild', hosts: ['*.test'] },
  { id: 'deep', hosts: ['*.deep.test'] },
  { id: 'exact', hosts: ['one.deep.test'] },
  { id: 'again', hosts: ['a.test'] },
  { id: 'port', hosts: ['ported.example:8443'] },
]

describe('chooseByName', () => {
  it.each([
    ['a.test', 'a'],
    ['www.a.test', 'a'],
    ['b.test', 'wild'],
    ['x.deep.test', 'deep'],
    ['one.deep.test', 'exact'],
    ['ported.example', 'port'],
    ['A.TeSt', 'a'],
    ['a.test.', 'a'],
  ])('of "%s" is the one that names it most exactly', (name, id) => {
    expect(chooseByName(CHOICES, name)?.id).toBe(id)
  })

  it.each([
    'test',
    'other.example',
    '',
    '.',
    '..',
    '*.test',
    '.test',
    'a.test\0.example',
    'a.test\0',
    'a test',
    'ä.test',
    `${'x'.repeat(300)}.test\n`,
    '\uD800.test',
    '__proto__',
  ])('of %j is none, and nothing is thrown', (name) => {
    expect(chooseByName(CHOICES, name)).toBeUndefined()
  })
})
