// `GET`, `PUT` and `DELETE /<cache>/<url>` are match, put and delete of that cache.

export default {
  async fetch(request) {
    const [, name, encoded] = new URL(request.url).pathname.split('/')
    const cache = await caches.open(name)
    const url = decodeURIComponent(encoded)
    if (request.method === 'PUT') {
      const headers = new Headers()
      for (const field of ['cache-control', 'content-type', 'x-sluice-length']) {
        const value = request.headers.get(field)
        if (value !== null) headers.set(field, value)
      }
      await cache.put(url, new Response(await request.arrayBuffer(), { headers }))
      return new Response(null, { status: 204 })
    }
    if (request.method === 'DELETE') {
      return new Response(null, { status: (await cache.delete(url)) ? 204 : 410 })
    }
    const range = request.headers.get('range')
    const found = await cache.match(new Request(url, { headers: range === null ? {} : { range } }))
    return found ?? new Response(null, { status: 410 })
  },
}
