'use client';

import { ToggleGroup } from 'radix-ui';

/** One of a few. */
export function Segments<Value extends string>({
  label,
  options,
  value,
  onChange,
}: {
  label: string;
  options: Record<Value, string>;
  value: Value;
  onChange: (value: Value) => void;
}) {
  return (
    <ToggleGroup.Root
      type="single"
      aria-label={label}
      value={value}
      // Pressing the chosen one again would choose none.
      onValueChange={(next) => next && onChange(next as Value)}
      className="inline-flex rounded-lg bg-subtle p-1"
    >
      {Object.entries<string>(options).map(([option, text]) => (
        <ToggleGroup.Item
          key={option}
          value={option}
          className="h-8 grow rounded-md px-3.5 text-sm font-medium text-muted transition-colors hover:text-foreground data-[state=on]:bg-card data-[state=on]:text-foreground data-[state=on]:shadow-sm"
        >
          {text}
        </ToggleGroup.Item>
      ))}
    </ToggleGroup.Root>
  );
}
