import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";

const CHECKOUT = join(import.meta.dirname, "..");
const textOf = (document: string): string => readFileSync(join(CHECKOUT, document), "utf8");

test("every file and folder that ARCHITECTURE.md and CONTRIBUTING.md name is there", () => {
  const named = ["ARCHITECTURE.md", "CONTRIBUTING.md"].flatMap((document) =>
    [...textOf(document).matchAll(/`([a-z0-9-]+\/[\w./*-]*)`/g)].flatMap(([, path]) => path ?? []),
  );
  expect(named.length).toBeGreaterThan(50);
  expect(named.filter((path) => !isThere(path))).toEqual([]);
});

test("every document that another one links to is there", () => {
  const documents = globSync(["*.md", "docs/*.md"], { cwd: CHECKOUT });
  const links = documents.flatMap((document) =>
    [...textOf(document).matchAll(/\]\(((?:docs\/)?[\w-]+\.md)\)/g)].map(([, link = ""]) =>
      join(dirname(document), link),
    ),
  );
  expect(links.filter((link) => !existsSync(join(CHECKOUT, link)))).toEqual([]);
});

/** Folders within a folder of the table are named without it. */
const isThere = (path: string): boolean =>
  ["", "activities/"].some((folder) => globSync(`${folder}${path}`, { cwd: CHECKOUT }).length > 0);
