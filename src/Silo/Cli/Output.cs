using System.Text;

namespace OrleansGateway.Silo.Cli;

internal enum OutputFormat
{
    Table,
    Csv,
    Json,
}

/// <summary>Where a verb's answer goes.</summary>
/// <param name="format">What <c>--format</c> asks for.</param>
/// <param name="progress">Gives way as soon as something is shown on the same terminal.</param>
internal sealed class Output(OutputFormat format, Progress progress)
{
    private readonly Stream _stream = Console.OpenStandardOutput();

    public OutputFormat Format => format;

    /// <summary>Writes rows as they come.</summary>
    public async Task WriteAsync<T>(IAsyncEnumerable<T> rows, Func<T, Field[]> show, CancellationToken cancellationToken)
    {
        var writer = Create(isSingle: false);
        var isWhole = false;
        try
        {
            await using var row = rows.GetAsyncEnumerator(cancellationToken);
            while (true)
            {
                var next = row.MoveNextAsync();
                if (!next.IsCompleted)
                {
                    writer.Flush();
                }

                if (!await next)
                {
                    break;
                }

                GiveWay();
                writer.Write(show(row.Current));
                progress.Count();
            }

            isWhole = true;
        }
        finally
        {
            if (isWhole)
            {
                GiveWay();
            }

            writer.End(isWhole);
        }
    }

    /// <summary>Writes rows that are all there.</summary>
    public void Write<T>(IEnumerable<T> rows, Func<T, Field[]> show)
    {
        GiveWay();
        var writer = Create(isSingle: false);
        foreach (var row in rows)
        {
            writer.Write(show(row));
        }

        writer.End(isWhole: true);
    }

    /// <summary>Writes the one row that an answer is.</summary>
    public void Write(Field[] row)
    {
        GiveWay();
        var writer = Create(isSingle: true);
        writer.Write(row);
        writer.End(isWhole: true);
    }

    /// <summary>Writes bytes as they are.</summary>
    public void WriteRaw(ReadOnlySpan<byte> utf8)
    {
        GiveWay();
        _stream.Write(utf8);
        _stream.Flush();
    }

    public void WriteLine(string line) => WriteRaw(Encoding.UTF8.GetBytes(line + "\n"));

    /// <summary>Writes what is not part of the answer.</summary>
    public void Note(string line)
    {
        progress.Clear();
        Console.Error.WriteLine(line);
    }

    private IRowWriter Create(bool isSingle) => format switch
    {
        OutputFormat.Json => new JsonRowWriter(_stream, isArray: !isSingle),
        OutputFormat.Csv => new CsvRowWriter(_stream),
        _ when isSingle => new LinesWriter(Text()),
        _ => new TableWriter(Text(), Console.Error),
    };

    private StreamWriter Text() => new(_stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), bufferSize: -1, leaveOpen: true) { NewLine = "\n" };

    private void GiveWay()
    {
        if (!Console.IsOutputRedirected)
        {
            progress.Dispose();
        }
    }
}
