/** Node images of others' source, for commands. */

export { buildDockerfile } from "#activities/image/dockerfile-image";
export { buildSourceImage } from "#activities/image/source-image";
