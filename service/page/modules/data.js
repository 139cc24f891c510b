export const heading = "data";
export async function show(root, signal) {}
