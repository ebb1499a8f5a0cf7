/** What the address held behind #, read once and taken out of the address, the history and the referrer at once. */
export function takeToken(name = 'token'): string {
  const text = window.location.hash.replace(/^#/, '');
  if (!text) return '';
  const params = new URLSearchParams(text);
  const token = params.get(name) ?? (text.includes('=') ? '' : text);
  window.history.replaceState(window.history.state, '', window.location.pathname + window.location.search);
  return token;
}
