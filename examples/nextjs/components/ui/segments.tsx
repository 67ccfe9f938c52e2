import { useId } from 'react';

type Props<Value extends string> = {
  label: string;
  options: Record<Value, string>;
  value: Value;
  onChange: (value: Value) => void;
};

/** A choice of one option: radio buttons in a row. */
export function Segments<Value extends string>({ label, options, value, onChange }: Props<Value>) {
  const name = useId();
  return (
    <fieldset className="flex rounded-lg bg-subtle p-1">
      <legend className="sr-only">{label}</legend>
      {(Object.keys(options) as Value[]).map((option) => (
        <label
          key={option}
          className="relative grid h-8 grow place-items-center rounded-md px-3.5 text-sm font-medium text-muted transition-colors hover:text-foreground has-checked:bg-raised has-checked:text-foreground has-checked:shadow-sm"
        >
          <input
            type="radio"
            name={name}
            checked={option === value}
            onChange={() => onChange(option)}
            className="absolute inset-0 cursor-pointer appearance-none rounded-md"
          />
          {options[option]}
        </label>
      ))}
    </fieldset>
  );
}
