/** The node image of this checkout, for tests that run nodes. */

import { Steps } from "#infra/console/steps";
import { type BuiltImage, ensureNodeImage } from "#infra/node-image/build";
import { type BuiltTree, ensureNodeTree } from "#infra/node-image/tree";
import { locateInstallation } from "#worker/installation";

/** Builds the image unless the engine has it, and answers what it is called. A first build takes about a minute. */
export function requireNodeImage(): Promise<BuiltImage> {
  return ensureNodeImage(new Steps());
}

/** The same as a tree of files, for native nodes; needs root. */
export function requireNodeTree(): Promise<BuiltTree> {
  return ensureNodeTree(locateInstallation().cache, new Steps());
}
