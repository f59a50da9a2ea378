// Writes an archive as tar does (POSIX.1-1988 ustar), which is all that package managers need.

export interface TarFile {
  /** Up to 100 bytes. */
  readonly name: string
  readonly bytes: Uint8Array
}

const BLOCK_BYTES = 512

export function tarOf(files: readonly TarFile[]): Buffer {
  const blocks = files.flatMap(({ name, bytes }) => {
    const restBytes = (BLOCK_BYTES - (bytes.length % BLOCK_BYTES)) % BLOCK_BYTES
    return [headerOf(name, bytes.length), bytes, Buffer.alloc(restBytes)]
  })
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK_BYTES)])
}

function headerOf(name: string, sizeBytes: number): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES)
  header.write(name, 0, 'latin1')
  header.write(octal(0o644, 8), 100, 'latin1')
  header.write(octal(0, 8) + octal(0, 8), 108, 'latin1')
  header.write(octal(sizeBytes, 12) + octal(0, 12), 124, 'latin1')
  header.write('0', 156, 'latin1')
  header.write('ustar\x0000', 257, 'latin1')
  // The sum is taken with spaces in its own place.
  header.fill(' ', 148, 156)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}

/** A field of so many characters, the last of which ends it. */
function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, '0')}\0`
}
