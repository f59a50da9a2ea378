// A video without an encoder: one key frame a second, each of one colour, padded to the size of a real one.

import { oracleBytes } from './oracle.ts'

/** Colours in the order of the seconds, over and over, as red, green and blue from 0 to 255. */
export const WEBM_COLOURS: readonly (readonly number[])[] = [
  [0, 0, 0],
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
  [255, 255, 0],
  [0, 255, 255],
  [255, 0, 255],
  [255, 255, 255],
]

/** Key frames of VP8, 32 by 32, one for each of the colours. */
const FRAMES = [
  'UAIAnQEqIAAgAAAHCIWFiJmEiAEkEAA8h55OAP7/uv9A',
  'MAMAnQEqIAAgAAAHCIWFiJmEiAEkEBOtUB/AH9AQQsl0g4D+/uu8v/lPY4r6P/Kfv/+T3Z40pol/+TgA',
  'EAMAnQEqIAAgAAAHCIWFiJmEiAEkEA7AP4A/oCC6tabsAP7+H+L///R5DjWEsH/9Hkf//9+G1FBIZH/33GZllTA=',
  '8AIAnQEqIAAgAAAHCIWFiJmEiAEkEBOtUB/AEEEJTPOA/v+neT//ye7/ye7/ye7//J7v/zsGxLteAAA=',
  '8AIAnQEqIAAgAAAHCIWFiJmEiAEkEBOtUB/AEEEI55aA/v+lr9//ytj/ytj/ytj//K2P/zNExzH69AA=',
  'MAMAnQEqIAAgAAAHCIWFiJmEiAEkEBOtUB/AH9AQQskNJoD+/ubMv/jKC3wBv+Mqf/5Wxn9in/X/5VUA',
  'MAMAnQEqIAAgAAAHCIWFiJmEiAEkEBOtUB/AH9AQQsl0g4D+/jYl//oiVnHBd//9ES//72vIwiFf//vWgA==',
  'UAIAnQEqIAAgAAAHCIWFiJmEiAEkEAA8h55OAP7/uoMA',
].map((text) => Buffer.from(text, 'base64'))
const SIDE_PIXELS = 32
const KEY_FRAME = 0x80

/** Elements by their ids (RFC 9559 §5.1). */
const EBML = 0x1a45dfa3
const DOC_TYPE = 0x4282
const SEGMENT = 0x18538067
const INFO = 0x1549a966
const TIMESTAMP_SCALE = 0x2ad7b1
const DURATION = 0x4489
const TRACKS = 0x1654ae6b
const TRACK_ENTRY = 0xae
const TRACK_NUMBER = 0xd7
const TRACK_UID = 0x73c5
const TRACK_TYPE = 0x83
const CODEC_ID = 0x86
const VIDEO = 0xe0
const PIXEL_WIDTH = 0xb0
const PIXEL_HEIGHT = 0xba
const CUES = 0x1c53bb6b
const CUE_POINT = 0xbb
const CUE_TIME = 0xb3
const CUE_TRACK_POSITIONS = 0xb7
const CUE_TRACK = 0xf7
const CUE_CLUSTER_POSITION = 0xf1
const CLUSTER = 0x1f43b675
const TIMESTAMP = 0xe7
const SIMPLE_BLOCK = 0xa3

export interface WebmOptions {
  /** Whole ones. */
  readonly seconds: number
  readonly bytesPerSecond: number
}

/** The index stands before the pictures, so that a player finds any second by one range. */
export function makeWebm({ seconds, bytesPerSecond }: WebmOptions): Buffer {
  const clusters = Array.from({ length: seconds }, (_, second) => cluster(second, bytesPerSecond))
  const described = [
    element(INFO, [
      element(TIMESTAMP_SCALE, integer(1_000_000)),
      element(DURATION, double(seconds * 1000)),
    ]),
    element(TRACKS, [
      element(TRACK_ENTRY, [
        element(TRACK_NUMBER, integer(1)),
        element(TRACK_UID, integer(1)),
        element(TRACK_TYPE, integer(1)),
        element(CODEC_ID, Buffer.from('V_VP8')),
        element(VIDEO, [
          element(PIXEL_WIDTH, integer(SIDE_PIXELS)),
          element(PIXEL_HEIGHT, integer(SIDE_PIXELS)),
        ]),
      ]),
    ]),
  ]
  const describedBytes = Buffer.concat(described).length
  // Positions are of one width whatever they are, so the length of the index is known before they are.
  const indexBytes = cues(clusters, 0).length
  return Buffer.concat([
    element(EBML, [element(DOC_TYPE, Buffer.from('webm'))]),
    element(SEGMENT, [...described, cues(clusters, describedBytes + indexBytes), ...clusters]),
  ])
}

function cluster(second: number, sizeBytes: number): Buffer {
  const frame = FRAMES[second % FRAMES.length] ?? Buffer.alloc(0)
  const startByte = second * sizeBytes
  const padding = { object: 'padding', version: 1, startByte, endByte: startByte + sizeBytes }
  return element(CLUSTER, [
    element(TIMESTAMP, integer(second * 1000)),
    // Of track 1, at the time of the cluster. A decoder stops where the picture is complete, and a player
    // has to read on to the end of the block.
    element(SIMPLE_BLOCK, [Buffer.from([0x81, 0, 0, KEY_FRAME]), frame, oracleBytes(padding)]),
  ])
}

function cues(clusters: readonly Buffer[], firstByte: number): Buffer {
  let atByte = firstByte
  const points = clusters.map((bytes, second) => {
    const point = element(CUE_POINT, [
      element(CUE_TIME, integer(second * 1000)),
      element(CUE_TRACK_POSITIONS, [
        element(CUE_TRACK, integer(1)),
        element(CUE_CLUSTER_POSITION, integer(atByte)),
      ]),
    ])
    atByte += bytes.length
    return point
  })
  return element(CUES, points)
}

/** Id, length in eight bytes, content (RFC 8794 §4). */
function element(id: number, content: Buffer | readonly Buffer[]): Buffer {
  const parts = Buffer.isBuffer(content) ? [content] : content
  const idBytes = Buffer.from(id.toString(16), 'hex')
  const length = integer(parts.reduce((sum, part) => sum + part.length, 0))
  length[0] = 1
  return Buffer.concat([idBytes, length, ...parts])
}

function integer(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}

function double(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(value)
  return bytes
}
