import { Component, type ReactNode } from 'react';
import { Failed } from '@/components/States';

/** Keeps a failure of one page from taking the frame with it. Going elsewhere clears it. */
export class PageBoundary extends Component<{ at: string; children: ReactNode }, { error?: unknown }> {
  override state: { error?: unknown } = {};

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override componentDidUpdate(before: { at: string }) {
    if (before.at !== this.props.at && this.state.error !== undefined) this.setState({ error: undefined });
  }

  override render() {
    if (this.state.error === undefined) return this.props.children;
    return <Failed what="This page" error={this.state.error} retry={() => window.location.reload()} />;
  }
}
