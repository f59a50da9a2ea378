// The program behind the command: its arguments, and the subcommand they start.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { Command, Option } from 'commander'
import { z } from 'zod'

import type { Flags } from './cli-config.ts'
import { EXIT_USAGE, checkConfigFile, loadConfig } from './cli-config.ts'
import { configSchema } from './config.ts'

const { version } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { version: string }

/** Flags of `serve`: name, meaning. The schema holds defaults and ranges; these texts repeat them for people. */
const FLAGS: readonly (readonly [string, string])[] = [
  [
    '--origin <url-or-dir>',
    'http(s)://host[:port][/prefix], s3://bucket[/prefix], or a directory; several with the same objects share the work (default: the sample directory)',
  ],
  [
    '--origin-ca <file>',
    'authorities believed when an origin shows its certificate (default: the public ones)',
  ],
  ['--dns <ip:port,…>', "name servers asked for origins (default: the system's)"],
  ['--s3-endpoint <url>', 'S3-compatible endpoint (default: AWS, by region)'],
  ['--s3-region <name>', 'region of the bucket (default: AWS_REGION, else us-east-1)'],
  [
    '--listen <host:port>',
    'where clients connect; port 0 picks one; or off, with --tls-listen (default: 127.0.0.1:8080)',
  ],
  [
    '--tls-listen <host:port>',
    'where clients connect with TLS (default: 127.0.0.1:8443 with a certificate, else off)',
  ],
  ['--tls-cert <file>', 'certificate and its chain, PEM; read again when it changes'],
  ['--tls-key <file>', 'private key of the certificate, PEM'],
  ['--tls-ocsp <file>', 'OCSP response to staple, DER; need not be there'],
  [
    '--admin <host:port>',
    '/healthz, /readyz, /metrics and /purge; or off (default: 127.0.0.1:8081)',
  ],
  [
    '--admin-token-file <file>',
    'holds the token that purging asks for (default: none, and only this machine may purge)',
  ],
  [
    '--memory <size>',
    'memory for heads and segments, up to a quarter of it for transfers under way (default: 256MiB)',
  ],
  ['--disk <dir>', 'disk tier; or off (default: .sluice/cache)'],
  ['--disk-size <size>', 'most the disk tier may hold (default: 10GiB)'],
  ['--segment <size>', 'segment size, 64KiB to 16MiB (default: 1MiB)'],
  [
    '--default-ttl <duration>',
    'freshness without explicit freshness; or off (default: off, validated on each use)',
  ],
  ['--methods <read|all>', 'read: GET and HEAD only; all: relay the others too (default: read)'],
  [
    '--policy <careful|rfc>',
    'careful, or rfc: all that the standards allow a shared cache (default: careful)',
  ],
  ['--breaker <on|off>', 'stop asking an origin that fails (default: on)'],
  [
    '--forward <all|listed>',
    'which request fields reach the origin (default: listed; all under rfc)',
  ],
  ['--name <id>', 'the name in Cache-Status, Via and CDN-Loop (default: sluice)'],
  ['--config <file>', 'sluice.config.ts or a JSON file (default: ./sluice.config.ts if there)'],
  ['--log <format>', 'json, pretty or off (default: pretty on a terminal, else json)'],
  ['--log-level <level>', 'debug, info, warn or error (default: info)'],
  ['--drain-delay <duration>', 'after SIGTERM, how long to go on accepting (default: 5s)'],
  ['--otlp-endpoint <url>', 'OTLP collector for spans (default: OTEL_EXPORTER_OTLP_ENDPOINT)'],
]

const program = new Command('sluice')
  .description('An edge caching reverse proxy for object storage and any HTTP origin')
  .version(version)
  .showHelpAfterError('(sluice --help shows the commands)')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : EXIT_USAGE))

const serve = program
  .command('serve', { isDefault: true })
  .description('Serve an origin from memory and disk')
  .addHelpText(
    'after',
    '\nEach flag may be set as an environment variable too: --disk-size is SLUICE_DISK_SIZE.' +
      '\nFlags win over the environment, and that over the config file.',
  )
/** Flags that may be there several times. */
const LISTS: ReadonlySet<string> = new Set(['origin'])
for (const [flag, text] of FLAGS) {
  const option = new Option(flag, text)
  if (LISTS.has(option.attributeName())) option.argParser(listed)
  serve.addOption(option)
}
serve.action(async (flags: Flags) => {
  const config = await loadConfig(flags, process.env)
  // Loaded only now: what is wrong with the settings is said without waiting for the rest.
  const { serveUntilStopped } = await import('./cli-serve.ts')
  const sample = fileURLToPath(new URL('../sample', import.meta.url))
  await serveUntilStopped(config, { kind: 'directory', path: sample })
})

function listed(value: string, before: string | readonly string[] | undefined) {
  return before === undefined ? value : [before, value].flat()
}

const config = program.command('config').description('Check a config file, or show the schema')
config
  .command('check <file>')
  .description('Say what is wrong with a config file, and exit with 2; or that it is right')
  .action(checkConfigFile)
config
  .command('schema')
  .description('Print the JSON Schema of a config file')
  .action(() => {
    const schema = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' })
    process.stdout.write(`${JSON.stringify(schema, undefined, 2)}\n`)
  })

await program.parseAsync()
