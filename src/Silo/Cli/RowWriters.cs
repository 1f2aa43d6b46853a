using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using CsvHelper;

namespace OrleansGateway.Silo.Cli;

/// <summary>Writes rows one after another and keeps none of them for long, so that an export may have any length.</summary>
internal interface IRowWriter
{
    void Write(Field[] row);

    /// <summary>What was written so far shall be seen: the next row may take a while.</summary>
    void Flush();

    /// <param name="isWhole">Whether all rows came; JSON that was cut off does not look whole.</param>
    void End(bool isWhole);
}

/// <summary>Rows in columns, at most <see cref="WidthMax"/> wide. What has no room in its column goes on in the line below.</summary>
/// <param name="notes">Where columns are named that have no room at all.</param>
internal sealed class TableWriter(TextWriter output, TextWriter notes) : IRowWriter
{
    public const int WidthMax = 120;

    /// <summary>So many rows are laid out together. Those that need more room than the ones before get a new head.</summary>
    public const int BatchRows = 100;

    private const int Gap = 2;
    private const int TextWidthMin = 8;

    private readonly List<string[]> _batch = [];
    private Column[] _columns = [];
    private int[] _widths = [];
    private bool _isEmpty = true;

    public void Write(Field[] row)
    {
        Field[] shown = [.. row.Where(field => !field.IsDetail)];
        if (_columns.Length == 0)
        {
            _columns = [.. shown.Select(field => new Column(field.Name))];
        }

        for (var i = 0; i < _columns.Length; i++)
        {
            _columns[i].Add(shown[i]);
        }

        _isEmpty = false;
        _batch.Add([.. shown.Select(Cell)]);
        if (_batch.Count == BatchRows)
        {
            WriteBatch();
        }
    }

    public void Flush() => output.Flush();

    public void End(bool isWhole)
    {
        WriteBatch();
        if (_isEmpty && isWhole)
        {
            output.WriteLine("(none)");
        }

        output.Flush();
    }

    /// <summary>A field as a table shows it: times to the second, and nothing that a terminal would act on.</summary>
    public static string Cell(Field field) => field.Value is DateTime time
        ? time.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture)
        : string.Concat(field.ToString().Select(static character => char.IsControl(character) ? ' ' : character));

    private void WriteBatch()
    {
        if (_batch.Count == 0)
        {
            return;
        }

        var widths = Fit();
        if (!widths.SequenceEqual(_widths))
        {
            _widths = widths;
            WriteRow([.. _columns.Select(column => column.Name)]);
        }

        _batch.ForEach(WriteRow);
        _batch.Clear();
    }

    /// <summary>The widths of the columns that are shown. Texts are narrowed, the widest first; where that is not enough the last ones go.</summary>
    private int[] Fit()
    {
        var widths = _columns.Select(column => column.Width).ToList();
        while (widths.Sum() + (Gap * (widths.Count - 1)) > WidthMax)
        {
            var widest = Enumerable.Range(0, widths.Count)
                .Where(i => _columns[i].IsText && widths[i] > Math.Max(TextWidthMin, _columns[i].Name.Length))
                .OrderByDescending(i => widths[i])
                .Select(i => (int?)i)
                .FirstOrDefault();
            if (widest is { } text)
            {
                widths[text]--;
            }
            else
            {
                widths.RemoveAt(widths.Count - 1);
            }
        }

        if (widths.Count < _columns.Length && _widths.Length != widths.Count)
        {
            notes.WriteLine($"No room for {string.Join(", ", _columns.Skip(widths.Count).Select(column => column.Name))}: --format csv has all.");
        }

        return [.. widths];
    }

    private void WriteRow(string[] cells)
    {
        var pieces = _widths.Select((width, i) => TextWidth.Wrap(cells[i], width).ToList()).ToList();
        for (var line = 0; line < pieces.Max(cell => cell.Count); line++)
        {
            var parts = pieces.Select((cell, i) => TextWidth.Pad(line < cell.Count ? cell[line] : "", _widths[i], !_columns[i].IsText));
            output.WriteLine(string.Join(new string(' ', Gap), parts).TrimEnd());
        }
    }

    /// <summary>A column, with the room that its rows so far need.</summary>
    private sealed class Column(string name)
    {
        public string Name => name;

        public int Width { get; private set; } = name.Length;

        /// <summary>Whether it may be narrowed; one of numbers is aligned to the right instead.</summary>
        public bool IsText { get; private set; } = true;

        public void Add(Field field)
        {
            Width = Math.Max(Width, TextWidth.Of(Cell(field)));
            IsText &= field.Value is null || field.IsText;
        }
    }
}

/// <summary>One row, a line a field.</summary>
internal sealed class LinesWriter(TextWriter output) : IRowWriter
{
    private const int Gap = 2;

    public void Write(Field[] row)
    {
        var width = row.Max(field => field.Name.Length) + Gap;
        foreach (var field in row)
        {
            var name = field.Name;
            foreach (var piece in TextWidth.Wrap(TableWriter.Cell(field), TableWriter.WidthMax - width))
            {
                output.WriteLine((name.PadRight(width) + piece).TrimEnd());
                name = "";
            }
        }
    }

    public void Flush() => output.Flush();

    public void End(bool isWhole) => output.Flush();
}

/// <summary>CSV with a head of names; nothing at all where there are no rows.</summary>
internal sealed class CsvRowWriter(Stream output) : IRowWriter
{
    private readonly CsvWriter _csv = CsvWriter.Create(output, new CsvWriterOptions(), leaveOpen: true);
    private bool _hasHead;

    public void Write(Field[] row)
    {
        if (!_hasHead)
        {
            _hasHead = true;
            _csv.WriteRecord([.. row.Select(field => field.Name)]);
        }

        _csv.WriteRecord([.. row.Select(field => field.ToString())]);
    }

    public void Flush()
    {
        _csv.Flush();
        output.Flush();
    }

    public void End(bool isWhole)
    {
        _csv.Dispose();
        output.Flush();
    }
}

/// <summary>JSON: an array of objects, or one object. Money is decimal text.</summary>
internal sealed class JsonRowWriter : IRowWriter, IDisposable
{
    private const int BufferBytes = 16 * 1024;

    private readonly Stream _output;
    private readonly Utf8JsonWriter _json;
    private readonly bool _isArray;

    public JsonRowWriter(Stream output, bool isArray)
    {
        _output = output;
        _isArray = isArray;
        _json = new Utf8JsonWriter(output, new JsonWriterOptions { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        if (isArray)
        {
            _json.WriteStartArray();
        }
    }

    public void Write(Field[] row)
    {
        WriteObject(row);
        if (_json.BytesPending > BufferBytes)
        {
            Flush();
        }
    }

    public void Flush()
    {
        _json.Flush();
        _output.Flush();
    }

    public void End(bool isWhole)
    {
        if (isWhole && _isArray)
        {
            _json.WriteEndArray();
        }

        Dispose();
        _output.Write("\n"u8);
        _output.Flush();
    }

    public void Dispose() => _json.Dispose();

    private void WriteObject(Field[] row)
    {
        _json.WriteStartObject();
        foreach (var field in row)
        {
            _json.WritePropertyName(field.Name);
            WriteValue(field.Value);
        }

        _json.WriteEndObject();
    }

    private void WriteValue(object? value)
    {
        switch (value)
        {
            case null:
                _json.WriteNullValue();
                break;
            case bool flag:
                _json.WriteBooleanValue(flag);
                break;
            case int number:
                _json.WriteNumberValue(number);
                break;
            case long number:
                _json.WriteNumberValue(number);
                break;
            case DateTime time:
                _json.WriteStringValue(Field.FormatTime(time));
                break;
            case IEnumerable<string> texts:
                _json.WriteStartArray();
                foreach (var text in texts)
                {
                    _json.WriteStringValue(text);
                }

                _json.WriteEndArray();
                break;
            case IEnumerable<Field[]> rows:
                _json.WriteStartArray();
                foreach (var row in rows)
                {
                    WriteObject(row);
                }

                _json.WriteEndArray();
                break;
            default:
                _json.WriteStringValue(value.ToString());
                break;
        }
    }
}
