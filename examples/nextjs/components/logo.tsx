import { Check } from 'lucide-react';

export function Logo() {
  return (
    <span className="flex items-center gap-2.5 font-semibold tracking-tight">
      <span className="grid size-8 place-items-center rounded-lg bg-primary text-on-primary">
        <Check aria-hidden className="size-5" strokeWidth={3} />
      </span>
      Tasks
    </span>
  );
}
