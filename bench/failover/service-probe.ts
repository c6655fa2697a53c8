// Loaded into the service before anything else (node --import): collects garbage and tells how much memory is in use
// whenever the bench asks. The service must not outlive the bench, and must not be kept alive by it.
process.on('message', () => {
  globalThis.gc?.();
  globalThis.gc?.();
  process.send?.(process.memoryUsage());
});
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.channel?.unref();
