using System.Text;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using OrleansGateway.Operations;

namespace OrleansGateway.Silo.Operator;

/// <summary>Failures as clients get them: a code, a message, and what operator.proto says of the details.</summary>
internal static class RichStatus
{
    private const string Domain = "orleansgateway";

    /// <summary>What clients take of metadata by default is 8 KiB, and base64 adds a third.</summary>
    private const int FieldBytesMax = 4000;

    /// <summary>The value; a failure is thrown as its status.</summary>
    public static T OrThrow<T>(this Result<T> result)
        where T : class => result.Value ?? throw Of(result.Failure!);

    /// <summary>A failure of an operation.</summary>
    public static RpcException Of(Failure failure) => Build(CodeOf(failure.Kind), ReasonOf(failure.Kind), failure.Message, failure.Fields).ToRpcException();

    /// <summary>One field is wrong.</summary>
    public static RpcException Invalid(string field, string message) => Of(Failure.Invalid(field, message));

    /// <summary>A status with its details.</summary>
    /// <param name="reason">A reason of operator.proto.</param>
    public static Google.Rpc.Status Build(Code code, string reason, string message, IReadOnlyList<FieldProblem>? fields = null)
    {
        var status = new Google.Rpc.Status { Code = (int)code, Message = message };
        status.Details.Add(Any.Pack(new ErrorInfo { Reason = reason, Domain = Domain }));
        if (fields is { Count: > 0 })
        {
            var bad = new BadRequest();
            var left = FieldBytesMax;
            foreach (var problem in fields)
            {
                left -= Encoding.UTF8.GetByteCount(problem.Field) + Encoding.UTF8.GetByteCount(problem.Message);
                if (left < 0 && bad.FieldViolations.Count > 0)
                {
                    var more = fields.Count - bad.FieldViolations.Count;
                    bad.FieldViolations.Add(new BadRequest.Types.FieldViolation { Field = problem.Field, Description = $"This and {more - 1} more are wrong." });
                    break;
                }

                bad.FieldViolations.Add(new BadRequest.Types.FieldViolation { Field = problem.Field, Description = problem.Message });
            }

            status.Details.Add(Any.Pack(bad));
        }

        return status;
    }

    /// <summary>The kind's name as operator.proto writes it.</summary>
    private static string ReasonOf(FailureKind kind) =>
        System.Text.Json.JsonNamingPolicy.SnakeCaseUpper.ConvertName(kind.ToString());

    private static Code CodeOf(FailureKind kind) => kind switch
    {
        FailureKind.Invalid or FailureKind.InvalidCatalog => Code.InvalidArgument,
        FailureKind.UnknownAccount or FailureKind.UnknownKey or FailureKind.UnknownAnnouncement or FailureKind.NoCatalog => Code.NotFound,
        FailureKind.RequestIdConflict or FailureKind.RefConflict => Code.AlreadyExists,
        FailureKind.InsufficientFunds or FailureKind.ClosedForGood => Code.FailedPrecondition,
        FailureKind.RequestRunning => Code.Aborted,
        FailureKind.NotAllowed => Code.PermissionDenied,
        FailureKind.Unavailable => Code.Unavailable,
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };
}
