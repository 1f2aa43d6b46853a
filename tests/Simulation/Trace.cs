using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using OrleansGateway.Tests.Simulation.Machine;

namespace OrleansGateway.Tests.Simulation;

/// <summary>
/// What happened, a line an event, if anybody is to read it. Every choice of the scheduler goes into a digest that each line carries, so
/// that two runs whose traces are equal took every step alike.
/// </summary>
internal sealed class Trace(SimulatedClock clock, bool isKept)
{
    private const ulong Prime = 1099511628211;

    private readonly StringBuilder _text = new();

    /// <summary>FNV-1a of all that was chosen.</summary>
    public ulong Digest { get; private set; } = 14695981039346656037;

    public bool IsKept => isKept;

    public string Text => _text.ToString();

    public void Chose(int chosen, int of) => Digest = ((((Digest ^ (uint)chosen) * Prime) ^ (uint)of) * Prime);

    public void Add(string who, [InterpolatedStringHandlerArgument("")] ref Line what)
    {
        if (isKept)
        {
            _text.Append(CultureInfo.InvariantCulture, $"{clock.Now.TotalSeconds,9:0.000} {Digest:x16} {who,-10} {what.ToStringAndClear()}\n");
        }
    }

    /// <summary>Formats nothing where nothing is kept.</summary>
    [InterpolatedStringHandler]
    public ref struct Line
    {
        private DefaultInterpolatedStringHandler _handler;

        public Line(int literalLength, int formattedCount, Trace trace, out bool isKept)
        {
            isKept = trace.IsKept;
            _handler = isKept ? new DefaultInterpolatedStringHandler(literalLength, formattedCount, CultureInfo.InvariantCulture) : default;
        }

        public void AppendLiteral(string text) => _handler.AppendLiteral(text);

        public void AppendFormatted<T>(T value) => _handler.AppendFormatted(value);

        public string ToStringAndClear() => _handler.ToStringAndClear();
    }
}
