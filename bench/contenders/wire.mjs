// The floor below the limit: the bytes fetched and thrown away.
export const label = "the wire: fetch alone";
export const empty = true;

export async function install(stand) {
  const queue = [...stand.packages].sort((a, b) => b.size - a.size);
  const next = async () => {
    for (let one = queue.shift(); one !== undefined; one = queue.shift()) {
      await (await fetch(stand.url(one))).arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: 6 }, next));
}
