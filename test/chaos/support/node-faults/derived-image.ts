/** The node image with something wrong in it, for an environment's `image`. */

import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import Docker from "dockerode";
import { pack } from "tar-stream";
import { resolveDockerEndpoint } from "#activities/providers/docker-endpoint";
import { requireNodeImage } from "#test/support/node-image";

export interface ImageChanges {
  /** As in a Dockerfile: `ENV A=b`, `ENTRYPOINT ["/x"]`. */
  readonly instructions?: readonly string[];
  /** Paths in the image, and the file of this machine or the text that is put there; all may be executed. */
  readonly files?: Readonly<Record<string, { readonly copyOf: string } | { readonly text: string }>>;
}

/** Lives as long as it is needed; tag and id are its own. */
export class DerivedImage implements AsyncDisposable {
  /** `sha256:…`. */
  readonly id: string;
  readonly #docker: Docker;

  private constructor(docker: Docker, id: string) {
    this.#docker = docker;
    this.id = id;
  }

  static async make({ instructions = [], files = {} }: ImageChanges): Promise<DerivedImage> {
    const docker = new Docker(resolveDockerEndpoint().options);
    const { tag } = await requireNodeImage();
    const container = await docker.createContainer({ Image: tag });
    try {
      await container.putArchive(await archiveOf(files), { path: "/" });
      const { Id } = (await container.commit({
        ...(instructions.length > 0 && { changes: instructions.join("\n") }),
      })) as { Id: string };
      return new DerivedImage(docker, Id);
    } finally {
      await container.remove();
    }
  }

  /** As `docker rmi`. */
  async remove(): Promise<void> {
    await this.#docker.getImage(this.id).remove({ force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove().catch((error: { statusCode?: number }) => {
      if (error.statusCode !== 404) throw error; // a fault was that it goes
    });
  }
}

async function archiveOf(files: NonNullable<ImageChanges["files"]>): Promise<Buffer> {
  const archive = pack();
  for (const [path, content] of Object.entries(files)) {
    const bytes = "text" in content ? Buffer.from(content.text) : await readFile(content.copyOf);
    archive.entry({ name: path.slice(1), mode: 0o755 }, bytes);
  }
  archive.finalize();
  return buffer(archive);
}
