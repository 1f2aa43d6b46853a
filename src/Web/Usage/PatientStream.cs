namespace OrleansGateway.Web.Usage;

/// <summary>What a client reads as it is made: one that takes nothing for a while is given up, since a session of the database waits for it.</summary>
internal sealed class PatientStream(Stream stream, TimeProvider time, CancellationToken gone) : Stream
{
    /// <summary>How long a client may take nothing.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public override bool CanRead => false;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        await stream.WriteAsync(buffer, cancellationToken).AsTask().WaitAsync(Patience, time, gone);

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) => stream.FlushAsync(cancellationToken).WaitAsync(Patience, time, gone);

    public override void Flush()
    {
        // Whoever writes flushes asynchronously too: the server takes nothing else.
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
