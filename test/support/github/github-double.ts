/**
 * A double of GitHub's API, for as much of it as Meshbench uses. Every request and every answer is held against GitHub's
 * published description: what the double could not have from GitHub, or we could not ask, ends the test.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import {
  complainAboutAnswer,
  complainAboutRequest,
  findCall,
  sampleAnswer,
  type Call,
} from "#test/support/github/openapi";

export interface DoublePull {
  readonly number: number;
  headSha: string;
  readonly baseSha: string;
  readonly mergeBaseSha: string;
  readonly headRepo?: string;
  state?: "open" | "closed";
}

export interface DoubleComment {
  readonly id: number;
  readonly issue: number;
  body: string;
  /** Of the App that wrote it; a person otherwise. */
  readonly appId?: number;
  readonly author: string;
  readonly isBot: boolean;
  isMinimised: boolean;
}

export interface DoubleCheck {
  readonly id: number;
  readonly headSha: string;
  readonly externalId: string;
  /** Where it leads; the App's own page where none is named. */
  readonly detailsUrl: string;
  readonly name: string;
  status: string;
  conclusion: string | null;
  output: unknown;
}

export interface DoubleIssue {
  readonly number: number;
  title: string;
  body: string;
  state: string;
  readonly labels: readonly string[];
  /** Of the App that opened it; a person otherwise. */
  readonly appId?: number;
}

export interface DoubleJob {
  readonly id: number;
  status: "queued" | "waiting" | "in_progress" | "completed";
  readonly labels: readonly string[];
}

export interface DoubleRunner {
  readonly id: number;
  readonly name: string;
  readonly labels: readonly string[];
  isBusy: boolean;
}

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly atMs: number;
  readonly status: number;
  readonly body: unknown;
}

/** How the double answers instead of doing what it was asked. */
type Disturbance = (
  method: string,
  path: string,
) => { status: number; headers?: Record<string, string>; body?: unknown } | undefined;

const APP_TOKEN = "installation-token-of-the-double";
export const JOB_TOKEN = "job-token-of-the-double";

export class GithubDouble {
  readonly repository = { owner: "octo", name: "mesh" };
  readonly appId = 4711;
  readonly permissions = new Map<string, string>();
  readonly pulls = new Map<number, DoublePull>();
  readonly comments: DoubleComment[] = [];
  readonly reactions: { commentId: number; content: string }[] = [];
  readonly checks: DoubleCheck[] = [];
  readonly issues: DoubleIssue[] = [];
  /** By branch; the default one is "". */
  readonly newest = new Map<string, string>();
  /** By `SHA:path`. */
  readonly files = new Map<string, string>();
  /** By SHA, gzipped tars. */
  readonly tarballs = new Map<string, Buffer>();
  /** Jobs that wait for a runner; those with the same id are of one run. */
  readonly jobs: DoubleJob[] = [];
  readonly runners: DoubleRunner[] = [];
  readonly requests: SeenRequest[] = [];
  /** Requests and answers that GitHub's description does not know. */
  readonly complaints: string[] = [];
  disturb: Disturbance = () => undefined;
  readonly #server: Server;
  #nextId = 1000;
  /** Of the request that is being answered, which takes no turn of the loop. */
  #path = "";

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<GithubDouble> {
    const server = createServer();
    const double = new GithubDouble(server);
    server.on("request", (request, response) => void double.#handle(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return double;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** @throws {Error} Where GitHub's description does not know something that was asked or answered. */
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    if (this.complaints.length > 0) throw new Error(`not GitHub's API: ${this.complaints.join("\n")}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Somebody writes under a pull request. @returns The event that GitHub delivers. */
  comment(issue: number, author: string, body: string, { isBot = false } = {}) {
    const comment = { id: this.#newId(), issue, body, author, isBot, isMinimised: false };
    this.comments.push(comment);
    return this.eventOf(comment);
  }

  eventOf({ id, issue, body, author, isBot }: DoubleComment, action = "created") {
    const { owner, name } = this.repository;
    return {
      action,
      repository: { name, owner: { login: owner }, full_name: `${owner}/${name}`, default_branch: "main" },
      issue: { number: issue, pull_request: this.pulls.has(issue) ? { url: "" } : undefined },
      comment: { id, body, user: { login: author, type: isBot ? "Bot" : "User" }, author_association: "NONE" },
    };
  }

  /** Comments of the App or the job, by the mark in them. */
  ours(mark: string): DoubleComment[] {
    return this.comments.filter((one) => one.body.includes(`<!-- meshbench:${mark}`));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = request.method ?? "GET";
    const { pathname, searchParams } = new URL(request.url ?? "/", this.url);
    const raw = await text(request);
    const body: unknown = raw === "" ? undefined : JSON.parse(raw);
    const answer = this.disturb(method, pathname) ?? this.#answer(request, method, pathname, searchParams, body);
    this.requests.push({ method, path: pathname, atMs: performance.now(), status: answer.status, body });
    if (answer.status === 204) return void response.writeHead(204).end();
    const content = Buffer.isBuffer(answer.body) ? answer.body : JSON.stringify(answer.body ?? {});
    const type = Buffer.isBuffer(answer.body) ? "application/x-gzip" : "application/json; charset=utf-8";
    response.writeHead(answer.status, { "content-type": type, ...answer.headers }).end(content);
  }

  #answer(request: IncomingMessage, method: string, path: string, query: URLSearchParams, body: unknown): Answer {
    if (path === "/graphql") return this.#graphql(body as GraphqlRequest);
    this.#path = path;
    const call = findCall(method, path);
    if (call === undefined) return this.#complain(`no such call: ${method} ${path}`);
    const wrong = complainAboutRequest(call, body);
    if (wrong !== "") return this.#complain(wrong);
    const needsApp = call.template === "/repos/{owner}/{repo}/installation" || call.template.startsWith("/app");
    if (!isAuthorised(request.headers.authorization, needsApp))
      return { status: 401, body: basicError("Bad credentials") };
    const answer = this.#act(call, query, (body ?? {}) as Record<string, unknown>);
    if (answer.status >= 400 || Buffer.isBuffer(answer.body)) return answer;
    const whole = sampleAnswer(call, answer.status, answer.body);
    const complaint = complainAboutAnswer(call, answer.status, whole);
    return complaint === "" ? { ...answer, body: whole } : this.#complain(complaint);
  }

  #complain(complaint: string): Answer {
    this.complaints.push(complaint);
    return { status: 422, body: basicError(complaint) };
  }

  #act({ method, template, parameters }: Call, query: URLSearchParams, body: Record<string, unknown>): Answer {
    switch (`${method} ${template}`) {
      case "get /repos/{owner}/{repo}/installation":
        return ok({ id: 1, app_id: this.appId });
      case "post /app/installations/{installation_id}/access_tokens":
        return { status: 201, body: { token: APP_TOKEN, expires_at: new Date(Date.now() + 3_600_000).toISOString() } };
      case "get /repos/{owner}/{repo}/collaborators/{username}/permission": {
        const permission = this.permissions.get(parameters["username"] ?? "");
        return permission === undefined ? notFound() : ok({ permission, role_name: permission });
      }
      case "get /repos/{owner}/{repo}/pulls/{pull_number}":
        return this.#pull(Number(parameters["pull_number"]));
      case "get /repos/{owner}/{repo}/compare/{basehead}":
        return this.#compare(parameters["basehead"] ?? "");
      case "get /repos/{owner}/{repo}/contents/{path}":
        return this.#content(parameters["path"] ?? "", query.get("ref") ?? "");
      case "get /repos/{owner}/{repo}/tarball/{ref}": {
        const tarball = this.tarballs.get(parameters["ref"] ?? "");
        return tarball === undefined ? notFound() : { status: 200, body: tarball };
      }
      case "get /repos/{owner}/{repo}/issues/{issue_number}/comments":
        return this.#page(
          this.comments
            .filter(({ issue }) => issue === Number(parameters["issue_number"]))
            .map((one) => this.#shown(one)),
          query,
        );
      case "post /repos/{owner}/{repo}/issues/{issue_number}/comments":
        return this.#addComment(Number(parameters["issue_number"]), textOf(body["body"]));
      case "patch /repos/{owner}/{repo}/issues/comments/{comment_id}":
        return this.#editComment(Number(parameters["comment_id"]), textOf(body["body"]));
      case "post /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions":
        return this.#react(Number(parameters["comment_id"]), textOf(body["content"]));
      case "post /repos/{owner}/{repo}/check-runs":
        return this.#addCheck(body);
      case "patch /repos/{owner}/{repo}/check-runs/{check_run_id}":
        return this.#editCheck(Number(parameters["check_run_id"]), body);
      case "get /repos/{owner}/{repo}/commits": {
        const sha = this.newest.get(query.get("sha") ?? "");
        return sha === undefined ? notFound() : this.#page([{ sha }], query);
      }
      case "get /repos/{owner}/{repo}/commits/{ref}/check-runs": {
        const checks = this.checks.filter(({ headSha }) => headSha === parameters["ref"]).map(shownCheck);
        return ok({ total_count: checks.length, check_runs: checks });
      }
      case "get /repos/{owner}/{repo}/issues":
        return this.#page(
          this.issues
            .filter(({ state }) => query.get("state") === "all" || state === (query.get("state") ?? "open"))
            .map(shownIssue),
          query,
        );
      case "post /repos/{owner}/{repo}/issues":
        return this.#addIssue(body);
      case "patch /repos/{owner}/{repo}/issues/{issue_number}":
        return this.#editIssue(Number(parameters["issue_number"]), body);
      case "get /repos/{owner}/{repo}/actions/runs": {
        const ids = this.jobs.filter(({ status }) => status === query.get("status")).map(({ id }) => id);
        const runs = [...new Set(ids)].map((id) => ({ id }));
        return ok({ total_count: runs.length, workflow_runs: runs });
      }
      case "get /repos/{owner}/{repo}/actions/runs/{run_id}/jobs": {
        const jobs = this.jobs.filter(({ id }) => id === Number(parameters["run_id"]));
        return ok({ total_count: jobs.length, jobs });
      }
      case "get /repos/{owner}/{repo}/actions/runners":
        return ok({ total_count: this.runners.length, runners: this.runners.map(shownRunner) });
      case "post /repos/{owner}/{repo}/actions/runners/generate-jitconfig":
        return this.#addRunner(body);
      case "delete /repos/{owner}/{repo}/actions/runners/{runner_id}": {
        const place = this.runners.findIndex(({ id }) => id === Number(parameters["runner_id"]));
        if (place < 0) return notFound();
        this.runners.splice(place, 1);
        return { status: 204, body: undefined };
      }
      default:
        return this.#complain(`the double does not act on ${method} ${template}`);
    }
  }

  #pull(number: number): Answer {
    const pull = this.pulls.get(number);
    if (pull === undefined) return notFound();
    const { owner, name } = this.repository;
    const full = `${owner}/${name}`;
    return ok({
      number,
      state: pull.state ?? "open",
      head: { sha: pull.headSha, repo: { full_name: pull.headRepo ?? full } },
      base: { sha: pull.baseSha, repo: { full_name: full } },
    });
  }

  #compare(basehead: string): Answer {
    const pull = [...this.pulls.values()].find(({ headSha }) => basehead.endsWith(`...${headSha}`));
    return pull === undefined ? notFound() : ok({ merge_base_commit: { sha: pull.mergeBaseSha } });
  }

  #content(path: string, ref: string): Answer {
    const file = this.files.get(`${ref}:${path}`);
    if (file === undefined) return notFound();
    const content = Buffer.from(file).toString("base64");
    return ok({ type: "file", encoding: "base64", size: file.length, name: path, path, content, sha: "0".repeat(40) });
  }

  #addComment(issue: number, body: string): Answer {
    const comment = {
      id: this.#newId(),
      issue,
      body,
      appId: this.appId,
      author: "meshbench[bot]",
      isBot: true,
      isMinimised: false,
    };
    this.comments.push(comment);
    return { status: 201, body: this.#shown(comment) };
  }

  #editComment(id: number, body: string): Answer {
    const comment = this.comments.find((one) => one.id === id);
    if (comment === undefined) return notFound();
    comment.body = body;
    return ok(this.#shown(comment));
  }

  #shown({ id, body, appId, author, isBot }: DoubleComment) {
    return {
      id,
      node_id: `comment-${id}`,
      body,
      user: { login: author, type: isBot ? "Bot" : "User" },
      ...(appId !== undefined && { performed_via_github_app: { id: appId, slug: "meshbench", name: "meshbench" } }),
    };
  }

  #react(commentId: number, content: string): Answer {
    const isThere = this.reactions.some((one) => one.commentId === commentId && one.content === content);
    if (!isThere) this.reactions.push({ commentId, content });
    return { status: isThere ? 200 : 201, body: { content } };
  }

  #addCheck(body: Record<string, unknown>): Answer {
    const check: DoubleCheck = {
      id: this.#newId(),
      headSha: textOf(body["head_sha"]),
      externalId: textOf(body["external_id"]),
      detailsUrl: textOf(body["details_url"]),
      name: textOf(body["name"]),
      status: textOf(body["status"], "queued"),
      conclusion: (body["conclusion"] as string | undefined) ?? null,
      output: body["output"],
    };
    this.checks.push(check);
    return { status: 201, body: shownCheck(check) };
  }

  #editCheck(id: number, body: Record<string, unknown>): Answer {
    const check = this.checks.find((one) => one.id === id);
    if (check === undefined) return notFound();
    check.status = textOf(body["status"], check.status);
    check.conclusion = (body["conclusion"] as string | undefined) ?? check.conclusion;
    check.output = body["output"] ?? check.output;
    return ok(shownCheck(check));
  }

  #addRunner(body: Record<string, unknown>): Answer {
    const runner: DoubleRunner = {
      id: this.#newId(),
      name: textOf(body["name"]),
      labels: body["labels"] as string[],
      isBusy: false,
    };
    this.runners.push(runner);
    return { status: 201, body: { runner: shownRunner(runner), encoded_jit_config: `config-of-${runner.id}` } };
  }

  #addIssue(body: Record<string, unknown>): Answer {
    const issue: DoubleIssue = {
      number: this.#newId(),
      title: textOf(body["title"]),
      body: textOf(body["body"], ""),
      state: "open",
      labels: (body["labels"] as string[] | undefined) ?? [],
      appId: this.appId,
    };
    this.issues.push(issue);
    return { status: 201, body: shownIssue(issue) };
  }

  #editIssue(number: number, body: Record<string, unknown>): Answer {
    const issue = this.issues.find((one) => one.number === number);
    if (issue === undefined) return notFound();
    issue.title = textOf(body["title"], issue.title);
    issue.body = textOf(body["body"], issue.body);
    issue.state = textOf(body["state"], issue.state);
    const { appId: _, ...shown } = issue;
    return ok(shownIssue(shown));
  }

  #graphql({ query, variables }: GraphqlRequest): Answer {
    const [, mutation] = /\b((?:un)?minimizeComment)\(/.exec(query) ?? [];
    if (mutation === undefined)
      return this.#complain("the double knows two mutations: minimizeComment and its reverse");
    const isMinimized = mutation === "minimizeComment";
    const comment = this.comments.find(({ id }) => `comment-${id}` === variables["id"]);
    if (comment) comment.isMinimised = isMinimized;
    return ok({ data: { [mutation]: { [mutation.replace("Comment", "dComment")]: { isMinimized } } } });
  }

  #page(items: readonly unknown[], query: URLSearchParams): Answer {
    const [size, page] = [Number(query.get("per_page") ?? 30), Number(query.get("page") ?? 1)];
    const next =
      items.length > size * page ? { link: `<${this.url}${this.#path}?${nextPage(query, page)}>; rel="next"` } : {};
    return { status: 200, headers: next, body: items.slice(size * (page - 1), size * page) };
  }

  #newId(): number {
    return this.#nextId++;
  }
}

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

interface GraphqlRequest {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

const textOf = (value: unknown, otherwise = ""): string => (typeof value === "string" ? value : otherwise);
const ok = (body: unknown): Answer => ({ status: 200, body });
const basicError = (message: string) => ({ message, documentation_url: "https://docs.github.com/rest" });
const notFound = (): Answer => ({ status: 404, body: basicError("Not Found") });

function nextPage(query: URLSearchParams, page: number): string {
  const next = new URLSearchParams(query);
  next.set("page", String(page + 1));
  return next.toString();
}

const shownCheck = ({ id, headSha, externalId, name, status, conclusion }: DoubleCheck) => ({
  id,
  head_sha: headSha,
  external_id: externalId,
  name,
  status,
  conclusion,
});

const shownRunner = ({ id, name, labels, isBusy }: DoubleRunner) => ({
  id,
  name,
  os: "linux",
  status: "online",
  busy: isBusy,
  labels: labels.map((label) => ({ name: label })),
});

const shownIssue = ({ number, title, body, state, labels, appId }: DoubleIssue) => ({
  number,
  title,
  body,
  state,
  labels,
  ...(appId !== undefined && { performed_via_github_app: { id: appId, slug: "meshbench", name: "meshbench" } }),
});

/** The App proves itself by a token it signs; everything else by the installation's or the job's. */
function isAuthorised(header: string | undefined, needsApp: boolean): boolean {
  const token = header?.replace(/^(?:bearer|token) /i, "") ?? "";
  return needsApp ? token.split(".").length === 3 : token === APP_TOKEN || token === JOB_TOKEN;
}
