// Reads the Prometheus text format strictly enough to find a line that no scraper would take.

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Metrics {
  readonly text: string
  readonly samples: readonly Sample[]
  /** Sum of the samples of the name that have all these labels; 0 when there is none. */
  value(name: string, labels?: Readonly<Record<string, string>>): number
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \d+)?$/
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/gy

export function parseMetrics(text: string): Metrics {
  const samples = text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(parseSample)
  return {
    text,
    samples,
    value(name, labels = {}) {
      const wanted = Object.entries(labels)
      return samples
        .filter((sample) => sample.name === name)
        .filter((sample) => wanted.every(([label, value]) => sample.labels[label] === value))
        .reduce((sum, { value }) => sum + value, 0)
    },
  }
}

function parseSample(line: string): Sample {
  const [, name, labels = '', value = ''] = SAMPLE.exec(line) ?? []
  if (name === undefined) throw new Error(`Cannot parse metrics line ${JSON.stringify(line)}`)
  const found: Record<string, string> = {}
  let readBytes = 0
  for (const [whole, label = '', text = ''] of labels.matchAll(LABEL)) {
    readBytes += whole.length
    found[label] = text.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c))
  }
  if (readBytes !== labels.length) throw new Error(`Cannot parse labels of ${JSON.stringify(line)}`)
  return { name, labels: found, value: value === '+Inf' ? Infinity : Number(value) }
}
