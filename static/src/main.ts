import { mount } from 'svelte';
import App from './App.svelte';
import './app.css';
import { socketAddress } from './lib/address';
import { loadCharts } from './lib/chart.svelte';
import { Clock } from './lib/clock.svelte';
import { Connection } from './lib/connection.svelte';
import { Fleet } from './lib/fleet.svelte';
import { theme } from './lib/theme.svelte';

theme.start();

const worker = new Worker(new URL('./lib/worker.ts', import.meta.url), { type: 'module' });
const fleet = new Fleet();
const clock = new Clock();
const connection = new Connection(worker, fleet, clock);
worker.onerror = () => {
  connection.broken = true;
};

connection.start(socketAddress(document.baseURI));

// Loading the code was one task; showing the page is the next, so that neither is a long one.
setTimeout(() => {
  const target = document.getElementById('page');
  if (target === null) throw new Error('the page has no element #page');
  mount(App, { target, props: { fleet, clock, connection } });
  void loadCharts();
});
