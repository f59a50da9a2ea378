// The version oracle: test bodies in which any single block tells where it belongs.

/**
 * One block reads `ooooovvvbbbbbbbb`: object, version and block number in base 36. So a body shows
 * at a glance what is wrong with it, and 36^8 blocks reach beyond 2^41.
 */
export const ORACLE_BLOCK_BYTES = 16

const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyz'
const OBJECT_DIGITS = 5
const VERSION_DIGITS = 3
const BLOCK_DIGITS = 8
const MAX_VERSION = 36 ** VERSION_DIGITS - 1
const LOW_BLOCK_COUNT = 36 ** 4
const CHECK_STEP_BYTES = 256 * 1024
const MAX_NAMED_OBJECTS = 100_000

export interface OracleRange {
  /** Name of the object, by convention the path it is served under. */
  readonly object: string
  /** 0 to 46655. */
  readonly version: number
  /** Half-open, any alignment. */
  readonly startByte: number
  readonly endByte: number
}

export interface OracleExpectation {
  readonly object: string
  readonly version: number
  /** Where in the object the bytes to be checked begin. */
  readonly startByte: number
  /** Where they must end; absent, any length is right. */
  readonly endByte?: number | undefined
}

export interface OracleChecker {
  push(chunk: Uint8Array): void
  /** The first wrong byte found so far. */
  readonly problem: string | undefined
  readonly receivedBytes: number
  /** Call at the end of the body: also complains if it ended before `endByte`. */
  finish(): string | undefined
}

/** Names by object id, only so that messages can name the object a stray block came from. */
const objectNames = new Map<string, string>()
let lowDigits: Uint32Array | undefined

/** The five characters that stand for an object in each of its blocks (FNV-1a). */
export function oracleObjectId(object: string): string {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(object)) hash = Math.imul(hash ^ byte, 0x01000193)
  const id = base36((hash >>> 0) % 36 ** OBJECT_DIGITS, OBJECT_DIGITS)
  if (objectNames.size < MAX_NAMED_OBJECTS) objectNames.set(id, object)
  return id
}

/** The bytes `[startByte, endByte)` of a version of an object. The caller owns the buffer. */
export function oracleBytes(range: OracleRange): Buffer {
  const { startByte, endByte } = range
  if (!Number.isSafeInteger(startByte) || startByte < 0 || !(endByte >= startByte)) {
    throw new RangeError(`Cannot make oracle bytes: range is ${startByte}..${endByte}`)
  }
  const firstBlock = Math.floor(startByte / ORACLE_BLOCK_BYTES)
  const endBlock = Math.ceil(endByte / ORACLE_BLOCK_BYTES)
  const words = new Uint32Array((endBlock - firstBlock) * 4)
  fillBlocks(words, range, firstBlock)
  const skippedBytes = startByte - firstBlock * ORACLE_BLOCK_BYTES
  return Buffer.from(words.buffer, skippedBytes, endByte - startByte)
}

/** Says what is wrong with the bytes, or nothing if they are what the object holds there. */
export function checkOracle(bytes: Uint8Array, expected: OracleExpectation): string | undefined {
  const checker = createOracleChecker(expected)
  checker.push(bytes)
  return checker.finish()
}

/** Checks a body of any size as it arrives, holding none of it. */
export function createOracleChecker(expected: OracleExpectation): OracleChecker {
  const { startByte, endByte = Infinity } = expected
  let problem: string | undefined
  let receivedBytes = 0
  return {
    push(chunk) {
      for (let at = 0; at < chunk.length && problem === undefined; at += CHECK_STEP_BYTES) {
        const step = chunk.subarray(at, at + CHECK_STEP_BYTES)
        problem = checkStep(step, chunk.subarray(at), expected, startByte + receivedBytes + at)
      }
      receivedBytes += chunk.length
      if (startByte + receivedBytes > endByte) problem ??= wrongLength(expected, receivedBytes)
    },
    get problem() {
      return problem
    },
    get receivedBytes() {
      return receivedBytes
    },
    finish() {
      const isShort = endByte !== Infinity && startByte + receivedBytes < endByte
      if (isShort) problem ??= wrongLength(expected, receivedBytes)
      return problem
    },
  }
}

function wrongLength(expected: OracleExpectation, receivedBytes: number): string {
  const { object, version, startByte, endByte = Infinity } = expected
  const name = `"${object}" version ${version} from byte ${startByte}`
  return `Wrong length of ${name}: received ${receivedBytes} bytes, expected ${endByte - startByte}`
}

function checkStep(
  step: Uint8Array,
  following: Uint8Array,
  expected: OracleExpectation,
  startByte: number,
): string | undefined {
  const { object, version } = expected
  const right = oracleBytes({ object, version, startByte, endByte: startByte + step.length })
  if (right.equals(step)) return undefined
  const wrongIndex = right.findIndex((byte, index) => byte !== step[index])
  return describeWrong(following, wrongIndex, expected, startByte)
}

function describeWrong(
  bytes: Uint8Array,
  wrongIndex: number,
  expected: OracleExpectation,
  startByte: number,
): string {
  const wrongByte = startByte + wrongIndex
  const block = Math.floor(wrongByte / ORACLE_BLOCK_BYTES)
  const blockIndex = block * ORACLE_BLOCK_BYTES - startByte
  const text = Buffer.from(bytes.subarray(Math.max(0, blockIndex), blockIndex + 64)).toString(
    'latin1',
  )
  // A block that began before these bytes was right so far, as far as we know.
  const found = text.padStart(text.length - Math.min(0, blockIndex), '?')
  const wanted = `"${expected.object}" version ${expected.version} block ${block}`
  const place = `Wrong byte ${wrongByte} (index ${wrongIndex} of what was pushed)`
  const shown = JSON.stringify(found.slice(0, ORACLE_BLOCK_BYTES))
  return `${place}: expected ${wanted}, found ${shown}: ${explain(found, expected)}`
}

/** What stands in the aligned block, or in the next, or where the right object resumes. */
function explain(found: string, expected: OracleExpectation): string {
  const stamp = oracleObjectId(expected.object) + base36(expected.version, VERSION_DIGITS)
  const shiftBytes = found.indexOf(stamp)
  if (shiftBytes > 0 && shiftBytes % ORACLE_BLOCK_BYTES !== 0) {
    const resumed = describeBlock(found.slice(shiftBytes, shiftBytes + ORACLE_BLOCK_BYTES))
    return `${resumed ?? 'the right object'} begins ${shiftBytes} bytes after the block boundary`
  }
  const first = describeBlock(found.slice(0, ORACLE_BLOCK_BYTES))
  if (first !== undefined) return first
  const next = describeBlock(found.slice(ORACLE_BLOCK_BYTES, 2 * ORACLE_BLOCK_BYTES))
  return next === undefined ? 'no block of any object' : `followed by ${next}`
}

function describeBlock(text: string): string | undefined {
  if (!/^[0-9a-z]{16}$/.test(text)) return undefined
  const id = text.slice(0, OBJECT_DIGITS)
  const version = Number.parseInt(text.slice(OBJECT_DIGITS, OBJECT_DIGITS + VERSION_DIGITS), 36)
  const block = Number.parseInt(text.slice(-BLOCK_DIGITS), 36)
  return `"${objectNames.get(id) ?? `unknown object ${id}`}" version ${version} block ${block}`
}

/** Four words per block: two constant ones, four slow digits, four fast ones from a table. */
function fillBlocks(words: Uint32Array, range: OracleRange, firstBlock: number): void {
  const { object, version } = range
  if (!Number.isInteger(version) || version < 0 || version > MAX_VERSION) {
    throw new RangeError(`Cannot make oracle bytes: version is ${version}`)
  }
  const stamp = oracleObjectId(object) + base36(version, VERSION_DIGITS)
  const objectWord = wordOf(stamp.slice(0, 4))
  const versionWord = wordOf(stamp.slice(4))
  const table = (lowDigits ??= makeLowDigits())
  let high = Math.floor(firstBlock / LOW_BLOCK_COUNT)
  let low = firstBlock % LOW_BLOCK_COUNT
  let highWord = wordOf(base36(high, 4))
  for (let index = 0; index < words.length; index += 4) {
    words[index] = objectWord
    words[index + 1] = versionWord
    words[index + 2] = highWord
    words[index + 3] = table[low] ?? 0
    low += 1
    if (low === LOW_BLOCK_COUNT) {
      low = 0
      high += 1
      highWord = wordOf(base36(high, 4))
    }
  }
}

/** All numbers of four digits as text, in the machine's own byte order. */
function makeLowDigits(): Uint32Array {
  const bytes = new Uint8Array(LOW_BLOCK_COUNT * 4)
  for (let number = 0; number < LOW_BLOCK_COUNT; number += 1) {
    let rest = number
    for (let digit = 3; digit >= 0; digit -= 1) {
      bytes[number * 4 + digit] = DIGITS.charCodeAt(rest % 36)
      rest = Math.floor(rest / 36)
    }
  }
  return new Uint32Array(bytes.buffer)
}

function wordOf(fourChars: string): number {
  const bytes = new Uint8Array(4)
  for (let index = 0; index < 4; index += 1) bytes[index] = fourChars.charCodeAt(index)
  return new Uint32Array(bytes.buffer)[0] ?? 0
}

function base36(value: number, digits: number): string {
  return value.toString(36).padStart(digits, '0')
}
