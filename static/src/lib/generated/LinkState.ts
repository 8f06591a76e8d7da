export type LinkState = 'connecting' | 'up' | 'blocked' | 'down' | 'refused' | 'closed';
