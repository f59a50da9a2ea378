import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { startTestOrigin } from '../support/test-origin.ts'
import { httpGet } from '../support/http-get.ts'
const flags = (process.env.F ?? '--external-memory-accounted-in-global-limit').split(' ').filter(Boolean)
const origin = await startTestOrigin()
const child = spawn(process.execPath, [...flags, 'src/cli.ts', 'serve', '--listen', '127.0.0.1:0', '--admin', 'off', ...(process.env.DISK ? ['--disk', process.env.DISK, '--disk-size', '6GiB'] : ['--disk', 'off']), '--log', 'json', '--memory', '256MiB', '--origin', origin.url], { stdio: ['ignore', 'pipe', 'inherit'] })
const url: string = await new Promise((r) => child.stdout.on('data', (d) => { const m = /listening on (http:\S+?),/.exec(String(d)); if (m) r(m[1]!) }))
const rss = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))![1]) / 1024
const base = rss()
let max = 0; const series: number[] = []
const t = setInterval(() => { const r = rss(); max = Math.max(max, r); series.push(Math.round(r)) }, 100)
origin.put('/h', { sizeBytes: 4096 * 1048576, fields: [['Cache-Control', 'max-age=100']] })
const got = await httpGet(url + '/h', { onChunk() {}, timeoutMs: 60000 })
clearInterval(t)
const cpu = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(' ')
console.log(flags.join(' '), JSON.stringify({ base: Math.round(base), max: Math.round(max), s: (got.elapsedMs / 1000).toFixed(1), cpuTicks: Number(cpu[13]) + Number(cpu[14]), env: process.env.E }), series.filter((_, i) => i % 8 === 0).join(' '))
child.kill('SIGKILL'); await origin.close()
