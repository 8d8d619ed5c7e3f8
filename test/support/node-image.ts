/** The node image of this checkout, for tests that run nodes. */

import { Steps } from "#infra/console/steps";
import { type BuiltImage, ensureNodeImage } from "#infra/node-image/build";

/** Builds the image unless the engine has it, and answers what it is called. A first build takes about a minute. */
export function requireNodeImage(): Promise<BuiltImage> {
  return ensureNodeImage(new Steps());
}
