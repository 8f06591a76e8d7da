/** Address of the server's WebSocket, beside the page: a base path behind a proxy is kept. */
export function socketAddress(baseUri: string): string {
  const address = new URL('ws', baseUri);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  address.search = '';
  address.hash = '';
  return address.href;
}
