import type Docker from "dockerode";
import { expect, test } from "vitest";
import { pruneNodeImages } from "#infra/node-image/prune";

const CURRENT = "meshbench-node:current";

/** Images by id, with their tags; those that a container is made of cannot be removed. */
class FakeEngine {
  readonly images: Map<string, readonly string[]>;
  readonly used: ReadonlySet<string>;
  readonly asked: unknown[] = [];

  constructor(images: Readonly<Record<string, readonly string[]>>, used: readonly string[] = []) {
    this.images = new Map(Object.entries(images));
    this.used = new Set(used);
  }

  listImages = async (options: unknown) => {
    this.asked.push(options);
    return [...this.images].map(([Id, RepoTags]) => ({
      Id,
      RepoTags: RepoTags.length === 0 ? ["<none>:<none>"] : RepoTags,
    }));
  };

  getImage = (name: string) => ({
    remove: async () => {
      if (this.used.has(name)) throw Object.assign(new Error("in use"), { statusCode: 409 });
      for (const [id, tags] of this.images) if (id === name || tags.includes(name)) this.images.delete(id);
    },
  });
}

const prune = (engine: FakeEngine, pinned: readonly string[], isDryRun = false) =>
  pruneNodeImages(engine as unknown as Docker, { tag: CURRENT, imageIds: new Set(pinned) }, { isDryRun });

test("goes what nothing needs; stays this version's image, an unfinished sweep's, and what containers use", async () => {
  const images = {
    a: [CURRENT],
    b: ["meshbench-node:pinned"],
    c: ["meshbench-node:old"],
    d: [],
    e: ["meshbench-node:used"],
  };
  const engine = new FakeEngine(images, ["meshbench-node:used"]);
  expect(await prune(engine, ["b"], true)).toEqual(["meshbench-node:old", "d", "meshbench-node:used"]);
  expect(engine.images.size).toBe(5);
  // Other images are nobody's business.
  expect(engine.asked).toEqual([{ filters: { label: ["meshbench.image.inputs"] } }]);
  expect(await prune(engine, ["b"])).toEqual(["meshbench-node:old", "d"]);
  expect([...engine.images.keys()]).toEqual(["a", "b", "e"]);
});
