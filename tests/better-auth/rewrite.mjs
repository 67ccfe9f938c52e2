// Forwards requests as Next.js does with the rewrites in next.config.js below the folder ROOT, with 192.0.2.1 as the client
// address. Prints its URL. Answers requests without a matching rewrite with 404.
import { createServer, request } from "node:http";
import { pathToFileURL } from "node:url";

const { default: config } = await import(pathToFileURL(`${process.env.ROOT}/next.config.js`).href);
const { beforeFiles } = await config.rewrites();

const server = createServer((incoming, response) => {
  for (const { source, destination } of beforeFiles) {
    const [, rest] = incoming.url.match(new RegExp(`^${source.replace(":path*", "(.*)")}$`)) ?? [];
    if (rest === undefined) continue;
    const { method } = incoming;
    const headers = { ...incoming.headers, "x-forwarded-for": "192.0.2.1" };
    const passedOn = request(destination.replace(":path*", rest), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    incoming.pipe(passedOn);
    return;
  }
  response.writeHead(404).end();
});
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
