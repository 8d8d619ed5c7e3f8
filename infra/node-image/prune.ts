#!/usr/bin/env node
/**
 * `meshbench image prune`: removes node images that nothing needs any more from the Docker engine. What stays: the image of
 * this checkout, those of sweeps that may yet go on, be they open or to be resumed, and the baselines of nightlies.
 *
 *     node infra/node-image/prune.ts [--dry-run] [--json]
 */

import { Command } from "commander";
import Docker from "dockerode";
import type { ImageInfo } from "dockerode";
import { IMAGE_LABEL, nodeImageTag } from "#activities/image/node-image";
import { resolveDockerEndpoint } from "#activities/providers/docker-endpoint";
import { findSweepRows, listNights, listSweeps } from "#cli/results";
import { runScript } from "#infra/console/script";
import { askEngine } from "#infra/engine/engine";
import { EXIT } from "#model/errors";
import { imagesKept } from "#model/nightly-verdict";
import type { SweepPin } from "#model/sweep-pin";

const NIGHTS_KEPT_MS = 30 * 24 * 3600 * 1000;

interface Needed {
  readonly tag: string;
  /** The engine's own ids. */
  readonly imageIds: ReadonlySet<string>;
}

/**
 * What a container is made of stays as well.
 * @returns Tags, or the ids of images without one, that were removed; with a dry run: that would be.
 */
export async function pruneNodeImages(
  docker: Pick<Docker, "listImages" | "getImage">,
  needed: Needed,
  { isDryRun }: { readonly isDryRun: boolean },
): Promise<string[]> {
  const images = await docker.listImages({ filters: { label: [IMAGE_LABEL.inputs] } });
  const names = images.filter((image) => !isNeeded(image, needed)).flatMap(namesOf);
  if (isDryRun) return names;
  const removed: string[] = [];
  for (const name of names) if (await removeUnlessUsed(docker, name)) removed.push(name);
  return removed;
}

const isNeeded = (image: ImageInfo, { tag, imageIds }: Needed): boolean =>
  imageIds.has(image.Id) || namesOf(image).includes(tag);

const namesOf = ({ Id, RepoTags }: ImageInfo): string[] => {
  const tags = (RepoTags ?? []).filter((tag) => tag !== "<none>:<none>");
  return tags.length > 0 ? tags : [Id];
};

async function removeUnlessUsed(docker: Pick<Docker, "getImage">, name: string): Promise<boolean> {
  try {
    await docker.getImage(name).remove();
    return true;
  } catch (error) {
    const { statusCode } = error as { statusCode?: number };
    if (statusCode === 409 || statusCode === 404) return false;
    throw error;
  }
}

/** @throws {UnavailableError} Where it cannot be known: results may be elsewhere, and cannot be read now. */
async function imagesOfUnfinishedSweeps(): Promise<string[]> {
  const sweeps = await listSweeps((why) => {
    throw why;
  });
  const unfinished = sweeps.filter(({ sweep }) => sweep.status !== "DONE");
  const found = await Promise.all(unfinished.map(({ sweep }) => findSweepRows(sweep.sweepId)));
  const pins = found.flatMap((one) =>
    one?.sweep.pinJson === undefined ? [] : [JSON.parse(one.sweep.pinJson) as SweepPin],
  );
  return pins.flatMap(({ environments }) => environments.map(({ imageDigest }) => imageDigest));
}

/** What the coming nights may be held against. A nightly without a night for weeks has no coming ones. */
async function imagesOfBaselines(): Promise<string[]> {
  const nights = await listNights((why) => {
    throw why;
  });
  const latest = new Date(Date.now() - NIGHTS_KEPT_MS).toISOString().slice(0, 10);
  return [...Map.groupBy(nights, ({ nightly }) => nightly).values()]
    .filter((own) => (own.at(-1)?.date ?? "") >= latest)
    .flatMap((own) => imagesKept(own));
}

async function main(): Promise<number> {
  const program = new Command("prune")
    .option("--dry-run", "only say what would be removed")
    .option("--json", "print the removed images as JSON")
    .exitOverride();
  const { dryRun: isDryRun = false, json = false } = program.parse().opts<{ dryRun?: boolean; json?: boolean }>();
  const endpoint = resolveDockerEndpoint();
  await askEngine(endpoint);
  const needed = {
    tag: await nodeImageTag(),
    imageIds: new Set([...(await imagesOfUnfinishedSweeps()), ...(await imagesOfBaselines())]),
  };
  const removed = await pruneNodeImages(new Docker(endpoint.options), needed, { isDryRun });
  const lines = removed.map((name) => `${isDryRun ? "would remove" : "removed"} ${name}`);
  const text = lines.length === 0 ? "nothing to remove" : lines.join("\n");
  process.stdout.write(`${json ? JSON.stringify({ dry_run: isDryRun, removed }) : text}\n`);
  return EXIT.ok;
}

if (import.meta.main) await runScript(main);
