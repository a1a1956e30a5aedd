/**
 * CRC-32 as zip has it (ISO 3309, reflected polynomial EDB88320): Node's for large contents where Node has one (20.15 and
 * newer), else our own, sixteen bytes a step.
 */

const TABLES = new Int32Array(16 * 256);
for (let index = 0; index < 256; index += 1) {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) {
    value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  }
  TABLES[index] = value;
}
for (let index = 256; index < TABLES.length; index += 1) {
  const value = TABLES[index - 256] as number;
  TABLES[index] = (value >>> 8) ^ (TABLES[value & 255] as number);
}

/** Fewer bytes are sooner done than handed over. */
const WORTH_A_CALL = 4096;

/** The CRC-32 of `bytes`, not negative. */
export function crc32(bytes: Uint8Array): number {
  const nodes = bytes.length < WORTH_A_CALL ? undefined : globalThis.process?.getBuiltinModule?.("node:zlib").crc32;
  return nodes === undefined ? ownCrc32(bytes) : nodes(bytes);
}

/** The same without Node. */
export function ownCrc32(bytes: Uint8Array): number {
  const t = TABLES;
  const length = bytes.length;
  let crc = -1;
  let at = 0;
  for (const stop = length - 15; at < stop; at += 16) {
    crc =
      t[0xf00 + (bytes[at]! ^ (crc & 255))]! ^
      t[0xe00 + (bytes[at + 1]! ^ ((crc >>> 8) & 255))]! ^
      t[0xd00 + (bytes[at + 2]! ^ ((crc >>> 16) & 255))]! ^
      t[0xc00 + (bytes[at + 3]! ^ (crc >>> 24))]! ^
      t[0xb00 + bytes[at + 4]!]! ^
      t[0xa00 + bytes[at + 5]!]! ^
      t[0x900 + bytes[at + 6]!]! ^
      t[0x800 + bytes[at + 7]!]! ^
      t[0x700 + bytes[at + 8]!]! ^
      t[0x600 + bytes[at + 9]!]! ^
      t[0x500 + bytes[at + 10]!]! ^
      t[0x400 + bytes[at + 11]!]! ^
      t[0x300 + bytes[at + 12]!]! ^
      t[0x200 + bytes[at + 13]!]! ^
      t[0x100 + bytes[at + 14]!]! ^
      t[bytes[at + 15]!]!;
  }
  for (; at < length; at += 1) {
    crc = (crc >>> 8) ^ t[(crc ^ bytes[at]!) & 255]!;
  }
  return ~crc >>> 0;
}
