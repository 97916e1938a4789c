/** A file server on loopback that does what a test says: cuts, lies, stalls. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FileServer {
  readonly base: string;
  /** What was asked, in order: `GET /path bytes=3-`. */
  readonly asked: string[];
  close(): Promise<void>;
}

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export async function serveFiles(answer: Answer): Promise<FileServer> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.range ?? ''}`.trim());
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    base: `http://127.0.0.1:${port}`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** A server that keeps its word: whole files, ranges, their SHA-256 as tag. */
export function honest(files: ReadonlyMap<string, Buffer>, tags: ReadonlyMap<string, string>): Answer {
  return (request, response) => {
    const path = request.url ?? '';
    const data = files.get(path);
    if (path === '/') return void response.writeHead(200).end();
    if (data === undefined) return void response.writeHead(404).end();
    const etag = { etag: `"${tags.get(path) ?? 'none'}"` };
    if (request.method === 'HEAD') return void response.writeHead(200, etag).end();
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (from >= data.length) return void response.writeHead(416).end();
    const body = data.subarray(from);
    response.writeHead(from === 0 ? 200 : 206, { ...etag, 'content-length': body.length });
    response.end(body);
  };
}
