/** What the gate hands to the job on the bench: in an environment variable, as JSON. */

import { z } from "zod";
import { parseComment, type CommentCommand } from "#model/comment-command";
import { InputError } from "#model/errors";
import { jsonOrUndefined } from "#model/json";
import type { CommentRequest } from "#model/pull-request";

export interface CommentOrder {
  readonly request: CommentRequest;
  readonly command: CommentCommand;
  /** Of the pinned commit; absent for presets. */
  readonly specText?: string;
}

const sha = z.string().regex(/^[0-9a-f]{40}$/);
const word = z.string().regex(/^[\w./,=:@+~-]{1,1000}$/);
const repositoryName = z.string().regex(/^[\w.-]{1,100}$/);
const orderShape = z.strictObject({
  request: z.strictObject({
    pullRequest: z.strictObject({
      repository: z.strictObject({ owner: repositoryName, name: repositoryName }),
      number: z.int().positive(),
    }),
    commentId: z.int().positive(),
    author: z.string().max(100),
    headSha: sha,
  }),
  command: z.looseObject({ verb: word }),
  specText: z.string().optional(),
});

/** Linux hands no process a string above 128 KiB: with one the job could not even begin. */
export const ORDER_LARGEST_BYTES = 100 * 1024;

/** @throws {InputError} Where the spec is too large to be handed on. */
export function writeOrder(order: CommentOrder): string {
  const text = JSON.stringify(order);
  const bytes = Buffer.byteLength(text);
  if (bytes <= ORDER_LARGEST_BYTES) return text;
  const rule = `bytes of JSON; the bench can be handed at most ${ORDER_LARGEST_BYTES}`;
  throw new InputError([
    { field: "spec", value: bytes, rule, hint: "a shorter spec: what is equal in all points once" },
  ]);
}

/**
 * Read again by the grammar it was made by: the job's input is data, too.
 * @throws {InputError}
 */
export function readOrder(text: string): CommentOrder {
  const parsed = orderShape.safeParse(jsonOrUndefined(text));
  if (!parsed.success) throw noOrder();
  const command = parseComment(lineOf(parsed.data.command as unknown as CommentCommand));
  if (command === undefined) throw noOrder();
  const { request, specText } = parsed.data;
  return { request, command, ...(specText !== undefined && { specText }) };
}

/** The line it could have come from. */
function lineOf(command: CommentCommand): string {
  return ["/bench", command.verb, ...wordsOf(command)].filter((one) => one !== undefined).join(" ");
}

function wordsOf(command: CommentCommand): (string | undefined)[] {
  switch (command.verb) {
    case "run":
    case "plan": {
      const { spec, set, env, versus, priority, sha: named, image } = command;
      return [
        spec,
        ...set,
        env && `env=${env.join(",")}`,
        `vs=${versus.kind === "sha" ? versus.sha : versus.kind}`,
        `prio=${priority}`,
        named && `sha=${named}`,
        image && `image=${image}`,
      ];
    }
    case "status":
    case "pause":
    case "resume":
    case "cancel":
      return [command.sweep];
    case "retry":
      return [command.only.toLowerCase(), command.sweep];
    case "compare":
      return [command.a, command.b];
    case "queue":
    case "help":
      return [];
  }
}

const noOrder = (): InputError =>
  new InputError([{ field: "MESHBENCH_ORDER", value: "(not shown)", rule: "is no order of meshbench github gate" }]);
