import { describe, expect, it } from 'vitest'

import { checkOracle, createOracleChecker, oracleBytes } from '../../support/oracle.ts'

const object = '/a.bin'
const expected = { object, version: 1, startByte: 0 }
const right = (): Buffer => oracleBytes({ ...expected, endByte: 1000 })

describe('oracleBytes', () => {
  it('gives any unaligned range the bytes the whole has there', () => {
    const whole = right()
    for (const [startByte, endByte] of [
      [0, 0],
      [0, 1],
      [15, 17],
      [5, 700],
      [999, 1000],
    ] as const) {
      const part = oracleBytes({ object, version: 1, startByte, endByte })
      expect(part.equals(whole.subarray(startByte, endByte))).toBe(true)
    }
  })

  it('tells object, version and block in each block', () => {
    expect(right().toString('latin1', 0, 32)).toMatch(/^([0-9a-z]{5})00100000000(?:\1)00100000001$/)
  })

  it('carries over where the fast digits run out', () => {
    const startByte = 36 ** 4 * 16 - 16
    const text = oracleBytes({ object, version: 1, startByte, endByte: startByte + 32 }).toString()
    expect([text.slice(8, 16), text.slice(24)]).toEqual(['0000zzzz', '00010000'])
  })

  it('counts blocks up to 2^40 and beyond', () => {
    const startByte = 2 ** 40 * 16
    const text = oracleBytes({ object, version: 1, startByte, endByte: startByte + 16 }).toString()
    expect(Number.parseInt(text.slice(8), 36)).toBe(2 ** 40)
  })

  it('refuses a range or version it cannot express', () => {
    const bad = { object, version: 1, startByte: 2, endByte: 1 }
    expect(() => oracleBytes(bad)).toThrow(RangeError)
    expect(() => oracleBytes({ ...bad, startByte: 0, version: 46_656 })).toThrow(RangeError)
  })
})

describe('checkOracle', () => {
  it('is content with right bytes from any start', () => {
    expect(checkOracle(right(), expected)).toBeUndefined()
    expect(checkOracle(right().subarray(37, 391), { ...expected, startByte: 37 })).toBeUndefined()
    expect(checkOracle(Buffer.alloc(0), expected)).toBeUndefined()
  })

  it('sees one flipped byte and says where', () => {
    const bytes = right()
    bytes[333] = (bytes[333] ?? 0) ^ 1
    expect(checkOracle(bytes, expected)).toMatch(/^Wrong byte 333 .*expected "\/a.bin".* block 20/)
  })

  it('sees bytes shifted by a few', () => {
    const shifted = Buffer.concat([right().subarray(0, 160), right().subarray(163)])
    expect(checkOracle(shifted, expected)).toMatch(
      /^Wrong byte 1\d\d .*version 1 block 11 begins 13 /,
    )
  })

  it('sees two blocks swapped', () => {
    const bytes = right()
    bytes.copyWithin(32, 64, 80)
    expect(checkOracle(bytes, expected)).toMatch(
      /^Wrong byte 47 .*block 2, found .*version 1 block 4$/,
    )
  })

  it('sees a block missing', () => {
    const bytes = Buffer.concat([right().subarray(0, 160), right().subarray(176)])
    expect(checkOracle(bytes, expected)).toMatch(/expected .*block 10, found .*block 11$/)
  })

  it('sees another version in the middle', () => {
    const other = oracleBytes({ object, version: 2, startByte: 320, endByte: 640 })
    const mixed = Buffer.concat([right().subarray(0, 320), other, right().subarray(640)])
    expect(checkOracle(mixed, expected)).toMatch(/^Wrong byte 327 .*"\/a.bin" version 2 block 20$/)
  })

  it('sees another object and names it', () => {
    const other = oracleBytes({ object: '/b.bin', version: 1, startByte: 320, endByte: 336 })
    const mixed = Buffer.concat([right().subarray(0, 320), other, right().subarray(336)])
    expect(checkOracle(mixed, expected)).toMatch(/^Wrong byte 32\d .*"\/b.bin" version 1 block 20$/)
  })

  it('sees a body cut short, or too long, if told where it ends', () => {
    const ending = { ...expected, endByte: 1000 }
    expect(checkOracle(right(), ending)).toBeUndefined()
    expect(checkOracle(right().subarray(0, 999), ending)).toMatch(/received 999 .*expected 1000/)
    const longer = oracleBytes({ ...expected, endByte: 1001 })
    expect(checkOracle(longer, ending)).toMatch(/received 1001 .*expected 1000/)
  })

  it('says so when the bytes are of no object', () => {
    expect(checkOracle(Buffer.from('<html>an error page of some sort</html>'), expected)).toMatch(
      /^Wrong byte 0 .*found "<html>an error p": no block of any object$/,
    )
  })
})

describe('createOracleChecker', () => {
  it('accepts a body in chunks of any size, above 4 GiB too', () => {
    const startByte = 2 ** 33 + 5
    const checker = createOracleChecker({
      object,
      version: 3,
      startByte,
      endByte: startByte + 4000,
    })
    const bytes = oracleBytes({ object, version: 3, startByte, endByte: startByte + 4000 })
    for (let at = 0, size = 1; at < bytes.length; at += size, size = (size * 7) % 97) {
      checker.push(bytes.subarray(at, at + size))
    }
    expect([checker.finish(), checker.receivedBytes]).toEqual([undefined, 4000])
  })

  it('remembers the first problem, and its place in the object', () => {
    const checker = createOracleChecker(expected)
    checker.push(right().subarray(0, 500))
    checker.push(right().subarray(501, 600))
    checker.push(right().subarray(600, 700))
    expect(checker.problem).toMatch(/^Wrong byte 500 /)
    expect(checker.receivedBytes).toBe(699)
  })

  it('checks more than one step of a large chunk', () => {
    const bytes = oracleBytes({ ...expected, endByte: 1_000_000 })
    bytes[777_777] = 0
    expect(checkOracle(bytes, expected)).toMatch(/^Wrong byte 777777 /)
  })
})
