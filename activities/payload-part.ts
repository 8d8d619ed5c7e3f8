/** How much of a file goes into one Temporal payload: in base64 just under 200 KB. */
export const PAYLOAD_PART_BYTES = 147_000;
