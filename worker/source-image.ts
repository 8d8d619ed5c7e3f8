/** Node images of others' source, for commands. */

export { buildSourceImage } from "#activities/image/source-image";
