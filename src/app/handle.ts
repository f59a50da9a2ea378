// From a request that was read to its answer; every door calls this and nothing else.

import type { Answer } from '#core/entry/answer.ts'
import type { Maybe } from '#core/entry/byte-source.ts'
import { isPromise } from '#core/entry/byte-source.ts'
import { plainAnswer } from '#core/flow/refuse.ts'
import type { ReadHead } from '#core/flow/read-request.ts'
import { readRequest } from '#core/flow/read-request.ts'
import type { Serve } from '#core/flow/serve.ts'
import type { Site } from '#core/flow/site.ts'
import type { RequestScope } from '#core/ports/request-scope.ts'
import { answerOfError, answerOfRefusal } from './error-response.ts'

export interface HandleOptions {
  readonly serve: Serve
  /** This cache's name in Cache-Status. */
  readonly name: string
  /** Told of a mistake of ours, which the client sees as a 500. */
  onError(error: unknown): void
}

export type Handle = (head: ReadHead, site: Site | undefined, scope: RequestScope) => Maybe<Answer>

/** Never throws or rejects: what fails becomes an answer. */
export function createHandle({ serve, name, onError }: HandleOptions): Handle {
  function failed(error: unknown): Answer {
    const answer = answerOfError(error, name)
    if (answer.status === 500) onError(error)
    return answer
  }

  return function handle(head, site, scope) {
    try {
      if (site === undefined) return plainAnswer(421, 'No site here has this host and path')
      const asked = readRequest(head, site)
      if ('kind' in asked) {
        const answer = answerOfRefusal(asked)
        return asked.status === 405 ? withAllow(answer, site) : answer
      }
      const answer = serve(asked, site, scope)
      return isPromise(answer) ? answer.catch(failed) : answer
    } catch (error) {
      return failed(error)
    }
  }
}

/** A 405 says what would be allowed (RFC 9110 §15.5.6). */
function withAllow(answer: Answer, site: Site): Answer {
  const allowed =
    site.methods === 'read' ? 'GET, HEAD' : 'GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE'
  return { ...answer, fields: [...answer.fields, 'allow', allowed] }
}
