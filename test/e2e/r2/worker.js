// Puts objects into the bucket: by this way their keys and bytes come as they are, without a signature.

export default {
  async fetch(request, env) {
    if (request.method !== 'PUT') return new Response('Only PUT\n', { status: 405 })
    const key = decodeURIComponent(new URL(request.url).pathname.slice(1))
    const contentType = request.headers.get('content-type') ?? 'application/octet-stream'
    await env.BUCKET.put(key, await request.arrayBuffer(), { httpMetadata: { contentType } })
    return new Response(null, { status: 204 })
  },
}
