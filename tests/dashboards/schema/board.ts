// What a dashboard of ours may hold, by the types that Grafana publishes: a key that they do not have is an error, and so
// is a value that no enum has. `schema/...` is one release of @grafana/schema, chosen by the tsconfig of the test.
import type * as dashboard from "schema/dashboard";
import type * as bargauge from "schema/bargauge";
import type * as gauge from "schema/gauge";
import type * as heatmap from "schema/heatmap";
import type * as stat from "schema/stat";
import type * as statetimeline from "schema/statetimeline";
import type * as table from "schema/table";
import type * as text from "schema/text";
import type * as timeseries from "schema/timeseries";

// JSON knows no enums: each stands for its values.
type Plain<T> = T extends string
  ? `${T}`
  : T extends number
    ? number extends T
      ? number
      : `${T}` extends `${infer N extends number}`
        ? N
        : never
    : T extends (infer E)[]
      ? Plain<E>[]
      : T extends object
        ? { [K in keyof T]: Plain<T[K]> }
        : T;

// The Prometheus data source and data links publish no types in this package: what their documentation names.
interface Target {
  datasource: dashboard.DataSourceRef;
  expr: string;
  format: "time_series" | "table" | "heatmap";
  instant: boolean;
  legendFormat: string;
  range: boolean;
  refId: string;
}

interface Annotation extends Omit<dashboard.AnnotationQuery, "target"> {
  expr: string;
  step: string;
  titleFormat: string;
  useValueForTime?: boolean;
}

interface DataLink {
  targetBlank: boolean;
  title: string;
  url: string;
}

// Grafana fills in an option that is not there; one that is there must be whole.
interface Typed<Type extends string, Options, Custom> {
  datasource: dashboard.DataSourceRef;
  description: string;
  fieldConfig: {
    defaults: Omit<dashboard.FieldConfig, "custom" | "links"> & { custom: Partial<Custom>; links?: DataLink[] };
    overrides: dashboard.FieldConfigSource["overrides"];
  };
  gridPos: dashboard.GridPos;
  id: number;
  options: Partial<Options>;
  targets: Target[];
  title: string;
  transformations: dashboard.DataTransformerConfig[];
  type: Type;
}

type Nothing = Record<never, never>;

type Panel =
  | Typed<"bargauge", bargauge.Options, Nothing>
  | Typed<"gauge", gauge.Options, Nothing>
  | Typed<"heatmap", heatmap.Options, heatmap.FieldConfig>
  | Typed<"stat", stat.Options, Nothing>
  | Typed<"state-timeline", statetimeline.Options, statetimeline.FieldConfig>
  | Typed<"table", table.Options, table.FieldConfig>
  | Typed<"text", text.Options, Nothing>
  | Typed<"timeseries", timeseries.Options, timeseries.FieldConfig>
  | dashboard.RowPanel;

export type Board = Plain<
  Omit<dashboard.Dashboard, "annotations" | "panels" | "id"> & {
    annotations: { list: Annotation[] };
    id: null;
    panels: Panel[];
    uid: string;
  }
>;
