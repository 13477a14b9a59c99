"""What every other package uses: settings, paths, errors, events, audio, text, processes."""
