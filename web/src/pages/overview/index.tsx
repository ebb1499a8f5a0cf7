import { Page } from '@/components/Page';

export default function Later() {
  return <Page title="overview">{null}</Page>;
}
