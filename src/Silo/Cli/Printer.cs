using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using CsvHelper;

namespace OrleansGateway.Silo.Cli;

internal enum OutputFormat
{
    Table,
    Csv,
    Json,
}

/// <summary>Prints an answer of the operator API: a list as rows, an object as one row or as lines of name and value.</summary>
internal static class Printer
{
    private static readonly JsonSerializerOptions Indented = new(Operator.OperatorJson.Options) { WriteIndented = true };

    public static void Print(TextWriter output, JsonNode? answer, OutputFormat format)
    {
        switch (format)
        {
            case OutputFormat.Json:
                output.WriteLine(answer?.ToJsonString(Indented) ?? "null");
                break;
            case OutputFormat.Csv:
                PrintCsv(output, Rows(answer));
                break;
            default:
                if (answer is JsonObject single)
                {
                    PrintLines(output, single);
                }
                else
                {
                    PrintTable(output, Rows(answer));
                }

                break;
        }
    }

    private static List<JsonObject> Rows(JsonNode? answer) =>
        answer is JsonArray rows ? [.. rows.OfType<JsonObject>()] : answer is JsonObject row ? [row] : [];

    private static void PrintCsv(TextWriter output, List<JsonObject> rows)
    {
        using var csv = CsvWriter.Create(output, new CsvWriterOptions(), leaveOpen: true);
        if (rows.Count > 0)
        {
            csv.WriteRecord([.. rows[0].Select(field => field.Key)]);
        }

        foreach (var row in rows)
        {
            csv.WriteRecord([.. row.Select(field => Text(field.Value))]);
        }
    }

    private static void PrintLines(TextWriter output, JsonObject row)
    {
        var width = row.Max(field => field.Key.Length);
        foreach (var (name, value) in row)
        {
            output.WriteLine($"{name.PadRight(width)}  {Text(value)}".TrimEnd());
        }
    }

    private static void PrintTable(TextWriter output, List<JsonObject> rows)
    {
        if (rows.Count == 0)
        {
            output.WriteLine("(none)");
            return;
        }

        var names = rows[0].Select(field => field.Key).ToList();
        var cells = rows.ConvertAll(row => names.ConvertAll(name => Text(row[name])));
        var widths = names.Select((name, i) => Math.Max(name.Length, cells.Max(row => row[i].Length))).ToList();
        foreach (var row in cells.Prepend(names))
        {
            var line = new StringBuilder();
            for (var i = 0; i < row.Count; i++)
            {
                line.Append(row[i].PadRight(widths[i] + 2));
            }

            output.WriteLine(line.ToString().TrimEnd());
        }
    }

    private static string Text(JsonNode? value) => value switch
    {
        null => "",
        JsonArray items => string.Join(' ', items.Select(Text)),
        JsonObject fields => fields.ToJsonString(),
        _ => value.ToString(),
    };
}
