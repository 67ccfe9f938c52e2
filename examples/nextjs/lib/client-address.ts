import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';

/**
 * Adds to X-Forwarded-For whom this server has each request from, as proxies do. Next.js by itself does so only where
 * the header is missing, and what a client says in it would count as its address.
 */
export function addClientAddresses() {
  subscribe('http.server.request.start', (message) => {
    const { headers, socket } = (message as { request: IncomingMessage }).request;
    // Whoever has gone already has no address, and must not have one of its own choice either.
    const hops = [headers['x-forwarded-for'], socket.remoteAddress ?? 'unknown'];
    headers['x-forwarded-for'] = hops.filter(Boolean).join(', ');
  });
}
