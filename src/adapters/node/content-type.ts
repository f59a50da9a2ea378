// Media types by file name extension: what sites, packages and media downloads are made of.

const TEXT = 'charset=utf-8'

const TYPES: ReadonlyMap<string, string> = new Map([
  // The web.
  ['html', `text/html; ${TEXT}`],
  ['htm', `text/html; ${TEXT}`],
  ['xhtml', `application/xhtml+xml; ${TEXT}`],
  ['css', `text/css; ${TEXT}`],
  ['js', `text/javascript; ${TEXT}`],
  ['mjs', `text/javascript; ${TEXT}`],
  ['json', 'application/json'],
  ['map', 'application/json'],
  ['webmanifest', 'application/manifest+json'],
  ['wasm', 'application/wasm'],
  ['xml', `application/xml; ${TEXT}`],
  ['atom', `application/atom+xml; ${TEXT}`],
  ['rss', `application/rss+xml; ${TEXT}`],
  ['ics', `text/calendar; ${TEXT}`],
  // Text.
  ['txt', `text/plain; ${TEXT}`],
  ['text', `text/plain; ${TEXT}`],
  ['log', `text/plain; ${TEXT}`],
  ['md', `text/markdown; ${TEXT}`],
  ['csv', `text/csv; ${TEXT}`],
  ['tsv', `text/tab-separated-values; ${TEXT}`],
  ['yaml', 'application/yaml'],
  ['yml', 'application/yaml'],
  ['toml', 'application/toml'],
  ['asc', `text/plain; ${TEXT}`],
  ['sha256', `text/plain; ${TEXT}`],
  ['sha512', `text/plain; ${TEXT}`],
  ['md5', `text/plain; ${TEXT}`],
  // Pictures and fonts.
  ['png', 'image/png'],
  ['jpg', 'image/jpeg'],
  ['jpeg', 'image/jpeg'],
  ['gif', 'image/gif'],
  ['webp', 'image/webp'],
  ['avif', 'image/avif'],
  ['svg', 'image/svg+xml'],
  ['ico', 'image/vnd.microsoft.icon'],
  ['bmp', 'image/bmp'],
  ['tif', 'image/tiff'],
  ['tiff', 'image/tiff'],
  ['heic', 'image/heic'],
  ['jxl', 'image/jxl'],
  ['woff', 'font/woff'],
  ['woff2', 'font/woff2'],
  ['ttf', 'font/ttf'],
  ['otf', 'font/otf'],
  // Sound and film.
  ['mp3', 'audio/mpeg'],
  ['m4a', 'audio/mp4'],
  ['aac', 'audio/aac'],
  ['ogg', 'audio/ogg'],
  ['oga', 'audio/ogg'],
  ['opus', 'audio/ogg'],
  ['flac', 'audio/flac'],
  ['wav', 'audio/wav'],
  ['mp4', 'video/mp4'],
  ['m4v', 'video/mp4'],
  ['m4s', 'video/iso.segment'],
  ['webm', 'video/webm'],
  ['ogv', 'video/ogg'],
  ['mov', 'video/quicktime'],
  ['mkv', 'video/matroska'],
  ['ts', 'video/mp2t'],
  ['m3u8', 'application/vnd.apple.mpegurl'],
  ['mpd', 'application/dash+xml'],
  ['vtt', `text/vtt; ${TEXT}`],
  ['srt', 'application/x-subrip'],
  // Documents.
  ['pdf', 'application/pdf'],
  ['epub', 'application/epub+zip'],
  ['docx', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
  ['xlsx', 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'],
  ['pptx', 'application/vnd.openxmlformats-officedocument.presentationml.presentation'],
  ['odt', 'application/vnd.oasis.opendocument.text'],
  // Packages and archives; a coded file is sent as the file it is, never as a content coding.
  ['gz', 'application/gzip'],
  ['tgz', 'application/gzip'],
  ['bz2', 'application/x-bzip2'],
  ['xz', 'application/x-xz'],
  ['zst', 'application/zstd'],
  ['zip', 'application/zip'],
  ['7z', 'application/x-7z-compressed'],
  ['tar', 'application/x-tar'],
  ['jar', 'application/java-archive'],
  ['whl', 'application/zip'],
  ['deb', 'application/vnd.debian.binary-package'],
  ['rpm', 'application/x-rpm'],
  ['apk', 'application/vnd.android.package-archive'],
  ['msi', 'application/x-msi'],
  ['exe', 'application/vnd.microsoft.portable-executable'],
  ['dmg', 'application/x-apple-diskimage'],
  ['iso', 'application/x-iso9660-image'],
  ['parquet', 'application/vnd.apache.parquet'],
])

/** @param name Of the file, with or without its path. */
export function contentTypeOf(name: string): string {
  const dot = name.lastIndexOf('.')
  // A dot at the beginning makes a hidden file, not an extension.
  const hasExtension = dot > 0 && name[dot - 1] !== '/'
  const extension = hasExtension ? name.slice(dot + 1).toLowerCase() : ''
  return TYPES.get(extension) ?? 'application/octet-stream'
}
