import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';

/**
 * Appends the address of the connection to X-Forwarded-For, as proxies do. Next.js only adds it if the header is missing,
 * so that a client could choose its own address.
 */
export function addClientAddresses() {
  subscribe('http.server.request.start', (message) => {
    const { headers, socket } = (message as { request: IncomingMessage }).request;
    // A client that has already disconnected has no address, and must not be able to choose one either.
    const hops = [headers['x-forwarded-for'], socket.remoteAddress ?? 'unknown'];
    headers['x-forwarded-for'] = hops.filter(Boolean).join(', ');
  });
}
