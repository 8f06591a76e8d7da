import { mount } from 'svelte';
import App from './App.svelte';
import './app.css';
import { socketAddress } from './lib/address';
import { connection } from './lib/connection.svelte';
import { route } from './lib/route.svelte';
import { theme } from './lib/theme.svelte';
import { isBroken, worker } from './start';

theme.start();
route.start();

connection.broken = isBroken;
worker.onerror = () => {
  connection.broken = true;
};

connection.start(worker, socketAddress(document.baseURI));

// Loading the code was one task; showing the page is the next, so that neither is a long one.
setTimeout(() => {
  const target = document.getElementById('page');
  if (target === null) throw new Error('the page has no element #page');
  mount(App, { target });
});
