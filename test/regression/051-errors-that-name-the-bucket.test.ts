// Of an error of the bucket every field went to the client that was not known to tell of it: Location and
// realms named the bucket.

import { expect, it } from 'vitest'

import { errorFields } from '#web/s3-response.ts'

it('of an error of a bucket only fields pass that cannot name it', () => {
  const kept = [
    'cache-control',
    'no-store',
    'date',
    'Wed, 01 Jan 2025 00:00:00 GMT',
    'retry-after',
    '3',
  ]
  const telling = [
    ['location', 'https://secret-bucket.s3.amazonaws.com/'],
    ['www-authenticate', 'Basic realm="secret"'],
    ['surrogate-key', 'secret'],
    ['x-amz-bucket-region', 'secret'],
    ['etag', '"secret"'],
    ['link', '<https://secret-bucket.s3.amazonaws.com/>; rel=canonical'],
  ].flat()
  expect(errorFields([...telling, ...kept])).toEqual(kept)
})
