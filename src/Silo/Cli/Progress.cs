using System.Globalization;

namespace OrleansGateway.Silo.Cli;

/// <summary>Tells on the terminal, in a line that is wiped away again, that a call takes longer than a second and how far it is.</summary>
internal sealed class Progress : IDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private const string Wipe = "\r\e[K";

    private readonly Lock _gate = new();
    private readonly TextWriter? _terminal;
    private readonly TimeProvider _time;
    private readonly long _startedAt;
    private readonly ITimer? _timer;
    private long _rows;
    private bool _isShown;
    private bool _isOver;

    /// <param name="terminal">Null shows nothing.</param>
    public Progress(TextWriter? terminal, TimeProvider time)
    {
        _terminal = terminal;
        _time = time;
        _startedAt = time.GetTimestamp();
        _timer = terminal is null ? null : time.CreateTimer(_ => Show(), null, Patience, Patience);
    }

    /// <summary>A row has come.</summary>
    public void Count() => Interlocked.Increment(ref _rows);

    /// <summary>Makes the line free for something else.</summary>
    public void Clear()
    {
        lock (_gate)
        {
            if (_isShown)
            {
                _isShown = false;
                _terminal!.Write(Wipe);
            }
        }
    }

    public void Dispose()
    {
        _timer?.Dispose();
        lock (_gate)
        {
            _isOver = true;
            Clear();
        }
    }

    private void Show()
    {
        lock (_gate)
        {
            if (_isOver)
            {
                return;
            }

            var seconds = Math.Floor(_time.GetElapsedTime(_startedAt).TotalSeconds);
            var rows = Interlocked.Read(ref _rows);
            _isShown = true;
            _terminal!.Write(string.Create(CultureInfo.InvariantCulture, $"{Wipe}{seconds} s{(rows > 0 ? $", {rows} rows" : "")} …"));
        }
    }
}
