/** Looks for an installation's secrets wherever they must not be, while nodes are there and after. */

import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import Docker from "dockerode";
import { derivePassword, derivePeerPassword } from "#activities/database/password";
import { resolveDockerEndpoint } from "#activities/providers/docker-endpoint";
import { LABEL } from "#model/ids";
import type { InstallationHarness } from "#test/support/installation-harness";
import type { RecordedWorkflow } from "#test/chaos/support/workflow-histories";

export interface PlantedSecret {
  readonly name: string;
  readonly value: string;
  /** Whether the design wants it there, such as `environ of process 7` or `run/plan.json`. */
  readonly belongsIn?: (where: string) => boolean;
}

export class SecretCanary {
  readonly #docker = new Docker(resolveDockerEndpoint().options);
  readonly #installation: InstallationHarness;
  readonly #found = new Set<string>();
  #secrets: readonly PlantedSecret[];

  /** @param planted - Beside the host's secret. */
  constructor(installation: InstallationHarness, planted: readonly PlantedSecret[] = []) {
    this.#installation = installation;
    this.#secrets = [{ name: "the host's secret", value: installation.hostSecret }, ...planted];
  }

  /** Where secrets were found, a line each. */
  get found(): string[] {
    return [...this.#found];
  }

  /** From now on this run's passwords are looked for as well. */
  addRun(runId: string): void {
    const { hostSecret } = this.#installation;
    this.#secrets = [
      ...this.#secrets,
      { name: `the worker's password of ${runId}`, value: derivePassword(hostSecret, runId) },
      { name: `the peers' password of ${runId}`, value: derivePeerPassword(hostSecret, runId) },
    ];
  }

  /** Containers there are now, all processes of the machine, and all files of the installation but the secrets' own. */
  async look(): Promise<{ containersSearched: number }> {
    const containersSearched = await this.#lookAtContainers();
    this.lookAtProcesses();
    this.#lookAtFiles(this.#installation.home);
    return { containersSearched };
  }

  /** Payloads lie in a history as they were sent; messages of failures are text beside them. */
  lookAtHistories(workflows: readonly RecordedWorkflow[]): void {
    for (const { workflowId, history } of workflows) {
      const where = `the history of ${workflowId}`;
      for (const data of payloadsIn(history)) this.#search(Buffer.from(data), where);
      this.lookAtOutput(JSON.stringify(history), where);
    }
  }

  lookAtOutput(text: string, where: string): void {
    this.#search(Buffer.from(text), where);
  }

  async #lookAtContainers(): Promise<number> {
    let searched = 0;
    const filters = { label: [`${LABEL.host}=${this.#installation.hostId}`] };
    for (const { Id, Names } of await this.#docker.listContainers({ all: true, filters })) {
      const container = this.#docker.getContainer(Id);
      try {
        this.#search(Buffer.from(JSON.stringify(await container.inspect())), `inspect of ${Names[0]}`);
        this.#search(await container.logs({ stdout: true, stderr: true }), `log of ${Names[0]}`);
        searched += 1;
      } catch (error) {
        // Gone since it was listed.
        if (![404, 409].includes((error as { statusCode?: number }).statusCode ?? 0)) throw error;
      }
    }
    return searched;
  }

  /** Of the whole machine, those in containers among them. */
  lookAtProcesses(): void {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      for (const what of ["cmdline", "environ"]) this.#searchFile(`/proc/${pid}/${what}`, `${what} of process ${pid}`);
    }
  }

  #lookAtFiles(dir: string): void {
    for (const entry of readdirSync(dir, { withFileTypes: true })) {
      const path = join(dir, entry.name);
      if (entry.isDirectory() && entry.name !== "secrets") this.#lookAtFiles(path);
      if (entry.isFile()) this.#searchFile(path, relative(this.#installation.home, path));
    }
  }

  #searchFile(path: string, where: string): void {
    let content: Buffer;
    try {
      content = readFileSync(path);
    } catch (error) {
      // Processes end, and files are renamed, while one looks.
      if (["ENOENT", "ESRCH", "EACCES"].includes((error as NodeJS.ErrnoException).code ?? "")) return;
      throw error;
    }
    this.#search(content, where);
  }

  #search(content: Buffer, where: string): void {
    for (const { name, value, belongsIn } of this.#secrets) {
      if (content.includes(value) && !belongsIn?.(where)) this.#found.add(`${name} in ${where}`);
    }
  }
}

/** Whatever in it has the shape of a payload. */
export function payloadsIn(value: unknown): Uint8Array[] {
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return [];
  const { data } = value as { data?: unknown };
  const own = data instanceof Uint8Array ? [data] : [];
  return [...own, ...Object.values(value).flatMap(payloadsIn)];
}
